"""Software that conflicts with the cluster: other clusters, container engines, firewalls, left-over data."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.preflight.components import ETCD, NODE
from kprov.preflight.fleet import PreflightHost
from kprov.preflight.model import Problem, Severity, for_each_host

#: Other distributions of Kubernetes, by units and paths of which one shows them.
DISTRIBUTIONS = {
    "k3s": (("k3s.service", "k3s-agent.service"), ("/usr/local/bin/k3s", "/etc/rancher/k3s")),
    "RKE2": (("rke2-server.service", "rke2-agent.service"), ("/etc/rancher/rke2",)),
    "k0s": (("k0scontroller.service", "k0sworker.service"), ("/usr/local/bin/k0s",)),
    "MicroK8s": (("snap.microk8s.daemon-kubelite.service",), ("/snap/microk8s", "/var/snap/microk8s")),
    "Canonical Kubernetes": (("snap.k8s.kubelet.service",), ("/snap/k8s", "/var/snap/k8s")),
    "a snap of the kubelet": (("snap.kubelet.daemon.service",), ("/snap/kubelet",)),
    "kubeadm's cluster": ((), ("/var/lib/kubelet/kubeadm-flags.env", "/etc/kubernetes/manifests/etcd.yaml")),
}
#: Docker's packages; containerd.io conflicts with the distribution's containerd.
DOCKER_PACKAGES = ("containerd.io", "docker-ce", "docker.io")
DOCKER = "docker.service"
FIREWALLS = {"firewalld.service": "firewalld"}
OTHER_RUNTIMES = {"crio.service": "CRI-O"}
UNITS = (
    "kubelet.service",
    "etcd.service",
    DOCKER,
    *FIREWALLS,
    *OTHER_RUNTIMES,
    *(unit for units, _ in DISTRIBUTIONS.values() for unit in units),
)
PATHS = tuple(path for _, paths in DISTRIBUTIONS.values() for path in paths)
OWN_CNI = "10-kprov.conflist"


@for_each_host
def find_other_clusters(host: PreflightHost) -> Iterator[Problem]:
    """Find a host that is a part of another cluster."""
    software = host.facts.software
    for name, (units, paths) in DISTRIBUTIONS.items():
        signs = [unit for unit in units if unit in software.units]
        signs += [path for path in paths if path in software.paths]
        if signs:
            yield Problem(host.name, f"{name} is installed: {', '.join(signs)}")
    kubelet = software.units.get("kubelet.service")
    if kubelet is not None and "kubelet" not in software.own:
        yield Problem(host.name, f"another kubelet is installed: {kubelet.path}")
    if host.other_authority:
        file = f"{host.variables.kube_cert_dir}/ca.crt"
        text = f"{file} is not the CA of this inventory: the host is in another cluster"
        hint = "use the inventory whose artifacts/pki has that CA, or remove the cluster with `kprov reset`"
        yield Problem(host.name, text, hint=hint)


@for_each_host
def find_container_engines(host: PreflightHost) -> Iterator[Problem]:
    """Docker or another runtime is installed."""
    software = host.facts.software
    if NODE not in host.groups:
        return
    if "containerd.io" in software.packages:
        text = "Docker's package containerd.io is installed, which the package containerd replaces"
        yield Problem(host.name, text)
    docker = software.units.get(DOCKER)
    if docker is not None and docker.active:
        text = "Docker runs; it sets the firewall's FORWARD policy to drop, which stops traffic of pods"
        yield Problem(host.name, text, Severity.WARNING)
    for unit, name in OTHER_RUNTIMES.items():
        if unit in software.units and software.units[unit].active:
            yield Problem(host.name, f"{name} runs; kprov uses containerd", Severity.WARNING)


@for_each_host
def find_foreign_etcd(host: PreflightHost) -> Iterator[Problem]:
    """Find data in etcd's data folder of a host on which kprov has not installed etcd."""
    software, folder = host.facts.software, host.variables.etcd_data_dir
    if ETCD not in host.groups or "etcd" in software.own:
        return
    if software.etcd_data:
        shown = ", ".join(software.etcd_data[:3]) + (", ..." if len(software.etcd_data) > 3 else "")
        yield Problem(host.name, f"{folder} has data that is not this cluster's: {shown}")
    unit = software.units.get("etcd.service")
    if unit is not None and unit.active:
        yield Problem(host.name, f"another etcd runs: {unit.path}")


@for_each_host
def find_firewalls(host: PreflightHost) -> Iterator[Problem]:
    """Find an active firewall service, whose rules kprov does not write."""
    software = host.facts.software
    active = [
        name for unit, name in FIREWALLS.items() if unit in software.units and software.units[unit].active
    ]
    active += ["ufw"] if software.ufw_enabled else []
    if active:
        yield Problem(host.name, f"{' and '.join(active)} is active")


@for_each_host
def find_foreign_cni(host: PreflightHost) -> Iterator[Problem]:
    """Find CNI configurations of other software in the folder that containerd reads."""
    matching_cni_configs = [name for name in host.facts.software.cni_configs if name != OWN_CNI]
    if NODE not in host.groups or not matching_cni_configs:
        return
    # containerd takes the first file by name.
    wins = min(matching_cni_configs) < OWN_CNI
    text = f"/etc/cni/net.d has {', '.join(matching_cni_configs)}"
    text += ", which containerd takes before kprov's" if wins else ""
    yield Problem(host.name, text, None if wins else Severity.WARNING)
