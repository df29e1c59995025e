"""Chooses the bundle that an upgrade installs on each host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.bundle import sources
from kprov.bundle.build import Bundle, list_bundles, parse_bundle
from kprov.bundle.metadata import Metadata, read_archive
from kprov.errors import InputError
from kprov.operations import offline
from kprov.operations.cluster import Cluster
from kprov.operations.preparation import build_bundles

_VERSION = re.compile(r"^v?\d+\.\d+\.\d+(\+\w+)?$")
_DIGEST = re.compile(r"^[0-9a-f]{6,16}$")


@dataclass(frozen=True)
class Target:
    """A bundle for a host."""

    archive: Path
    digest: str
    metadata: Metadata


def choose_targets(
    cluster: Cluster, facts: Mapping[str, dict[str, Any]], to: str, say: Callable[[str], None]
) -> dict[str, Target]:
    """Return the bundle for each host with facts.

    `to`: empty or this kprov's version: the components of this kprov, or of the export that the inventory
    names; otherwise archives of bundles, or their digests in this machine's cache, with commas between.
    Raises InputError.
    """
    if to and not _VERSION.match(to):
        bundles = [_find_bundle(word.strip()) for word in to.split(",")]
        chosen = {host: _choose_bundle(bundles, host, known, to) for host, known in facts.items()}
        archives = {host: (bundle.path, bundle.digest) for host, bundle in chosen.items()}
    else:
        export = offline.open_export(cluster, say)
        offline.use_export(cluster, dict(facts), export)
        if export is None:
            build_bundles(cluster, dict(facts), say)
        archives = {host: _read_variables(cluster, host) for host in facts}
    described = {path: read_archive(path) for path in {path for path, _ in archives.values()}}
    targets = {host: Target(path, digest, described[path]) for host, (path, digest) in archives.items()}
    if to and _VERSION.match(to):
        _check_version(to, (target.metadata.version for target in targets.values()))
    return targets


def set_targets(cluster: Cluster, targets: Mapping[str, Target]) -> None:
    """Set the bundles as variables of the hosts."""
    for host, target in targets.items():
        cluster.engine.inventory.hosts[host].variables.update(
            kube_bundle_archive=str(target.archive),
            kube_bundle_digest=target.digest,
            kube_bundle_pinned=False,
        )


def _read_variables(cluster: Cluster, host: str) -> tuple[Path, str]:
    variables = cluster.engine.inventory.hosts[host].variables
    return Path(variables["kube_bundle_archive"]), str(variables["kube_bundle_digest"])


def _check_version(to: str, versions: Iterable[str]) -> None:
    for version in versions:
        if to.removeprefix("v") not in (
            version.removeprefix("v"),
            version.removeprefix("v").partition("+")[0],
        ):
            raise InputError(
                f"this kprov has the components {version}: upgrade with the kprov of {to}, or name a bundle",
                field="--to",
            )


def _find_bundle(text: str) -> Bundle:
    path = Path(text).expanduser()
    if path.is_file():
        bundle = parse_bundle(path)
        if bundle is None:
            raise InputError(
                "is not named as a bundle, kprov-bundle-PYTHON-ARCHITECTURE-DIGEST.tar.gz",
                file=path,
                field="--to",
            )
        return bundle
    bundles = [bundle for bundle in list_bundles() if _DIGEST.match(text) and bundle.digest.startswith(text)]
    if len(bundles) != 1:
        raise InputError(
            f"{text!r} is neither the version of this kprov ({sources.read_components_version()}), "
            "nor the file of a bundle, nor the digest of one (`kprov bundle list`)",
            field="--to",
        )
    return bundles[0]


def _choose_bundle(bundles: Iterable[Bundle], host: str, facts: Mapping[str, Any], to: str) -> Bundle:
    python = ".".join(str(facts["ansible_python_version"]).split(".")[:2])
    arch = facts["ansible_architecture"]
    for bundle in bundles:
        if (bundle.python, bundle.arch) == (python, arch):
            return bundle
    raise InputError(f"{to} has no bundle for Python {python} on {arch}, which {host} has", field="--to")
