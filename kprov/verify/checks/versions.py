"""Checks installed packages and archives, and that all components run from the current bundle."""

from __future__ import annotations

from collections.abc import Iterator

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, VerifyHost

PACKAGES: dict[str, tuple[str, ...]] = {"etcd": ("etcd-server",), "kube_node": ("containerd", "runc")}
#: The archive that a host may have instead of a package.
_ARCHIVES = {"etcd-server": "etcd", "containerd": "containerd", "runc": "runc"}
COMPONENTS = "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"


def check_versions(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each package or archive, and one for the bundle that the components run from."""
    del cluster
    packages = [name for group, names in PACKAGES.items() if group in me.groups for name in names]
    for name in packages:
        archive = host.run(f"readlink /opt/kprov/archives/{_ARCHIVES[name]}").stdout.strip()
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
    running = host.run(
        "systemctl show --property=Environment kube-apiserver kube-controller-manager kube-scheduler "
        "kubelet kube-proxy cluster-dns pod-network local-path-provisioner"
    ).stdout
    others = {
        word.partition("=")[2]
        for line in running.splitlines()
        for word in line.removeprefix("Environment=").split()
        if word.startswith("KPROV_BUNDLE=")
    } - {current}
    ok = not others
    yield Finding("bundle", ok=ok, detail=current if ok else f"{current}, but units have {', '.join(others)}")
