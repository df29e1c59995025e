"""Checks installed packages and archives, and that all components run from the current bundle."""

from __future__ import annotations

from collections.abc import Iterator

from testinfra.host import Host

from kprov.contract.components.table import (
    RUNTIME_GROUP,
    find_runtime,
    list_components,
    list_programs,
)
from kprov.verify.model import Cluster, Finding, VerifyHost


def check_versions(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each package or archive, and one for the bundle that the components run from."""
    del cluster
    for name, archive_name in _list_packages(me):
        archive = host.run(f"readlink /opt/kprov/archives/{archive_name}").stdout.strip()
        if archive:
            yield Finding(
                name, ok=True, detail=f"{archive.partition('-')[2].rpartition('-')[0]} from an archive"
            )
            continue
        package = host.package(name)
        installed = package.is_installed
        yield Finding(name, ok=installed, detail=package.version if installed else "not installed")
    current = host.run("readlink /opt/kprov/current").stdout.strip().rpartition("/")[2]
    if not current:
        yield Finding("bundle", ok=False, detail="/opt/kprov/current is missing")
        return
    units = " ".join(component.name for component in list_programs())
    running = host.run(f"systemctl show --property=Environment {units}").stdout
    others = {
        word.partition("=")[2]
        for line in running.splitlines()
        for word in line.removeprefix("Environment=").split()
        if word.startswith("KPROV_BUNDLE=")
    } - {current}
    ok = not others
    yield Finding("bundle", ok=ok, detail=current if ok else f"{current}, but units have {', '.join(others)}")


def _list_packages(me: VerifyHost) -> list[tuple[str, str]]:
    """Return the packages of this host's groups, and the archives that it may have instead."""
    packages = [
        (component.package.name, component.package.archive)
        for component in list_components()
        if component.package is not None and component.belongs_to(me.groups)
    ]
    if RUNTIME_GROUP in me.groups:
        packages += [(name, name) for name in find_runtime().packages]
    return packages
