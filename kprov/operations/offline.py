"""Takes the parts of a run from an export instead of the internet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kprov.errors import InputError, KprovError, PreflightError
from kprov.offline.distributions import DISTRIBUTIONS, name_of_host
from kprov.offline.manifest import ExportedDistribution
from kprov.offline.unpack import Export, unpack_export
from kprov.operations.cluster import GROUPS, Cluster, SeveralHostsError

#: The variable that names the export; `--offline` sets it.
VARIABLE = "offline_export"


def open_export(cluster: Cluster, say: Callable[[str], None]) -> Export | None:
    """Unpack the export that the inventory or `--offline` names; None if none is named. Raises InputError."""
    named = cluster.any_variables.offline_export
    if not named:
        return None
    file = cluster.engine.inventory.directory / Path(named).expanduser()
    say(f"Reading {file}")
    return unpack_export(file)


def use_export(cluster: Cluster, facts: dict[str, dict[str, Any]], export: Export) -> None:
    """Set the export's parts as variables of each host.

    Raises:
        PreflightError: the export does not have the distribution, architecture or Python of a host.

    """
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
    for host, part in chosen.items():
        cluster.engine.inventory.hosts[host].variables.update(
            kube_bundle_archive=str(export.path(part.bundle)),
            kube_bundle_digest=part.bundle_digest,
            offline_repository_archive=str(export.path(part.repository)),
            offline_repository_digest=part.repository_digest,
            offline_repository_release=part.release,
        )
        images = export.manifest.images
        if images is not None:
            cluster.engine.inventory.hosts[host].variables.update(
                image_registry_archive=str(export.path(images.archive)),
                image_registry_digest=images.digest,
                image_registry_names=images.registries,
            )


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
    found = export.manifest
    name, arch = name_of_host(facts), facts["ansible_architecture"]
    if arch != found.architecture:
        return f"the host's architecture is {arch}, and {export.file} is for {found.architecture}"
    if name not in found.distributions:
        has = " and ".join(DISTRIBUTIONS[one].title for one in found.distributions)
        own = f"{facts['ansible_distribution']} {facts['ansible_distribution_major_version']}"
        again = f": export again with --distribution {name}" if name in DISTRIBUTIONS else ""
        return f"the host has {own}, and {export.file} is for {has}{again}"
    python = ".".join(str(facts["ansible_python_version"]).split(".")[:2])
    expected = found.distributions[name].python
    if python != expected:
        return f"the host's python3 is {python}, and {export.file} has components for {expected}"
    return None
