"""Takes the parts of a run from an export instead of the internet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kprov.errors import InputError, KprovError, PreflightError
from kprov.offline.distributions import DISTRIBUTIONS, name_of_host
from kprov.offline.manifest import ExportedDistribution
from kprov.offline.signature import load_trusted_keys
from kprov.offline.unpack import Export, unpack_export
from kprov.operations.cluster import GROUPS, Cluster, SeveralHostsError
from kprov.pki.files import PRIVATE, write_file

#: The variable that names the export; `--offline` sets it.
VARIABLE = "offline_export"
#: The value of the variable that returns an offline cluster to the internet.
INTERNET = "none"
_RECORD = "offline-export"


def open_export(cluster: Cluster, say: Callable[[str], None]) -> Export | None:
    """Unpack the export of a run; None for the internet.

    It is the one that `--offline` or the inventory names, or the last one that was used: hosts without
    internet do not get any because an option was forgotten.

    Raises:
        InputError: the file is no export, or the last one no longer exists.

    """
    named = cluster.any_variables.offline_export
    if named == INTERNET:
        return None
    if named:
        file = cluster.engine.inventory.directory / Path(named).expanduser()
        say(f"Reading {file}")
    else:
        last = read_last_export(cluster.artifacts)
        if last is None:
            return None
        file = last
        say(f"Reading {file}, as the last run did (-e {VARIABLE}={INTERNET} uses the internet)")
    key_file = cluster.any_variables.offline_trusted_key
    trusted = None
    if key_file:
        trusted = load_trusted_keys(cluster.engine.inventory.directory / Path(key_file).expanduser())
    export = unpack_export(file, trusted=trusted)
    if export.signature is None:
        say("The export is not signed: only its own manifest tells whether it was changed")
    else:
        known = "" if trusted else ", which no offline_trusted_key names"
        say(f"The export is signed by {export.signature.fingerprint}{known}")
    return export


def read_last_export(artifacts: Path) -> Path | None:
    """Return the export that a cluster has its parts from; None for the internet.

    Raises:
        InputError: it no longer exists.

    """
    record = artifacts / _RECORD
    try:
        file = Path(record.read_text().strip())
    except FileNotFoundError:
        return None
    if not file.is_file():
        raise InputError(
            f"the last run used {file}, which does not exist any more: name an export with --offline,"
            f" or let the hosts use the internet with -e {VARIABLE}={INTERNET}",
            file=record,
        )
    return file


def forget_export(artifacts: Path) -> None:
    """Forget the export: no host has its parts from it."""
    (artifacts / _RECORD).unlink(missing_ok=True)


def _remember_export(artifacts: Path, export: Export | None) -> None:
    if export is None:
        forget_export(artifacts)
    else:
        write_file(artifacts / _RECORD, f"{export.file.resolve()}\n".encode(), PRIVATE)


def use_export(cluster: Cluster, facts: dict[str, dict[str, Any]], export: Export | None) -> None:
    """Set the export's parts as variables of each host, and remember the export for the next run.

    Without an export the hosts use the internet, and no export is remembered.

    Raises:
        PreflightError: the export does not have the distribution, architecture or Python of a host.

    """
    chosen = _choose_parts(facts, export) if export is not None else {}
    options = cluster.engine.options
    if not options.check and not options.plan:
        _remember_export(cluster.artifacts, export)
    if export is None:
        return
    for host, part in chosen.items():
        variables = cluster.engine.inventory.hosts[host].variables
        variables.update(
            kube_bundle_archive=str(export.path(part.bundle)),
            kube_bundle_digest=part.bundle_digest,
            offline_repository_archive=str(export.path(part.repository)),
            offline_repository_digest=part.repository_digest,
            offline_repository_release=part.release,
        )
        images = export.manifest.images
        if images is not None:
            variables.update(
                image_registry_archive=str(export.path(images.archive)),
                image_registry_digest=images.digest,
                image_registry_names=images.registries,
            )


def _choose_parts(facts: dict[str, dict[str, Any]], export: Export) -> dict[str, ExportedDistribution]:
    """Return the part of each host's distribution. Raise PreflightError if the export lacks one."""
    errors: list[KprovError] = []
    chosen: dict[str, ExportedDistribution] = {}
    for host, known in facts.items():
        problem = find_problem(known, export)
        if problem is None:
            chosen[host] = export.manifest.distributions[name_of_host(known)]
        else:
            errors.append(PreflightError(host, problem))
    if errors:
        raise errors[0] if len(errors) == 1 else SeveralHostsError(errors)
    return chosen


def list_registry_hosts(cluster: Cluster, export: Export | None) -> list[str]:
    """Return the hosts that serve the images of an export; none without images.

    Raises:
        InputError: image_registry_hosts names a host that the cluster does not have.

    """
    if export is None or export.manifest.images is None:
        return []
    hosts = cluster.any_variables.image_registry_hosts or cluster.members("kube_control_plane")
    unknown = [host for host in hosts if host not in cluster.members(*GROUPS)]
    if unknown:
        raise InputError(
            f"{unknown[0]} is no host of the cluster",
            file=cluster.engine.inventory.path,
            field="image_registry_hosts",
        )
    return hosts


def find_problem(facts: dict[str, Any], export: Export) -> str | None:
    """Return why the export has nothing for a host with these facts; None if it does."""
    manifest = export.manifest
    name, arch = name_of_host(facts), facts["ansible_architecture"]
    if arch != manifest.architecture:
        return f"the host's architecture is {arch}, and {export.file} is for {manifest.architecture}"
    if name not in manifest.distributions:
        has = " and ".join(DISTRIBUTIONS[distribution].title for distribution in manifest.distributions)
        own = f"{facts['ansible_distribution']} {facts['ansible_distribution_major_version']}"
        again = f": export again with --distribution {name}" if name in DISTRIBUTIONS else ""
        return f"the host has {own}, and {export.file} is for {has}{again}"
    python = ".".join(str(facts["ansible_python_version"]).split(".")[:2])
    expected = manifest.distributions[name].python
    if python != expected:
        return f"the host's python3 is {python}, and {export.file} has components for {expected}"
    return None
