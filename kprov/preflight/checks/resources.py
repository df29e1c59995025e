"""Memory, CPUs, disk space, swap, and the latency of the disk under etcd."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.contract.components.table import find_runtime
from kprov.preflight.components import CONTROL_PLANE, ETCD, NODE
from kprov.preflight.fleet import PreflightHost
from kprov.preflight.model import Problem, Severity, for_each_host

KUBELET = "/var/lib/kubelet"


@for_each_host
def find_little_memory(host: PreflightHost) -> Iterator[Problem]:
    """Find less memory than kubeadm wants on a control plane host, or than a node needs."""
    memory = host.facts.system.memory_mb
    if CONTROL_PLANE in host.groups and memory < host.variables.minimal_master_memory_mb:
        least = host.variables.minimal_master_memory_mb
        text = f"the memory is {memory} MB; a control plane host needs {least} (minimal_master_memory_mb)"
        yield Problem(host.name, text)
    elif memory < host.variables.minimal_node_memory_mb:
        least = host.variables.minimal_node_memory_mb
        text = f"the memory is {memory} MB; a node needs {least} (minimal_node_memory_mb)"
        yield Problem(host.name, text, Severity.WARNING)


@for_each_host
def find_few_cpus(host: PreflightHost) -> Iterator[Problem]:
    """Find a control plane host with fewer CPUs than kubeadm wants."""
    cpus, least = host.facts.system.cpus, host.variables.preflight_control_plane_cpus
    if CONTROL_PLANE in host.groups and cpus < least:
        text = f"CPUs: {cpus}; a control plane host needs {least} (preflight_control_plane_cpus)"
        yield Problem(host.name, text)


@for_each_host
def find_little_space(host: PreflightHost) -> Iterator[Problem]:
    """Find filesystems with less free space than their folders need."""
    by_device: dict[str, list[tuple[str, int, str]]] = {}
    for path, least, variable in list_folders(host):
        space = host.facts.space.get(path)
        if space is not None and space.free_mb < least:
            by_device.setdefault(space.device, []).append((path, least, variable))
    for short in by_device.values():
        path, least, variable = max(short, key=lambda entry: entry[1])
        space = host.facts.space[path]
        others = [other for other, _, _ in short if other != path]
        also = f" (also for {', '.join(others)})" if others else ""
        text = f"{space.mount} has {space.free_mb} MB free for {path}{also}; it needs {least} ({variable})"
        # etcd starts with less, and needs the rest only when its database grows up to the quota.
        only_etcd = {entry[2] for entry in short} == {"preflight_etcd_disk_mb"}
        yield Problem(host.name, text, Severity.WARNING if only_etcd else None)


def list_folders(host: PreflightHost) -> list[tuple[str, int, str]]:
    """Return the folders of the host's groups, the free space in MB that each needs, and its variable."""
    variables = host.variables
    folders = [(variables.bundle_root, variables.preflight_bundle_disk_mb, "preflight_bundle_disk_mb")]
    if ETCD in host.groups:
        folders.append((variables.etcd_data_dir, variables.preflight_etcd_disk_mb, "preflight_etcd_disk_mb"))
    if NODE in host.groups:
        folders.append(
            (find_runtime().data_dir, variables.preflight_containerd_disk_mb, "preflight_containerd_disk_mb")
        )
        folders.append((KUBELET, variables.preflight_kubelet_disk_mb, "preflight_kubelet_disk_mb"))
    return folders


@for_each_host
def find_slow_disk(host: PreflightHost) -> Iterator[Problem]:
    """Find synchronous writes that take longer than etcd recommends."""
    fsync = host.probes.fsync if host.probes is not None else None
    limit = host.variables.preflight_fsync_p99_ms
    if fsync is not None and fsync.p99_ms > limit:
        folder = host.variables.etcd_data_dir
        text = (
            f"99 % of {fsync.writes} synchronous writes to {folder} took up to {fsync.p99_ms:g} ms "
            f"(half of them {fsync.p50_ms:g} ms); etcd recommends {limit:g} ms (preflight_fsync_p99_ms)"
        )
        yield Problem(host.name, text)


@for_each_host
def find_swap(host: PreflightHost) -> Iterator[Problem]:
    """Swap is on."""
    if NODE in host.groups and host.facts.system.swap:
        yield Problem(host.name, f"swap is on: {', '.join(host.facts.system.swap)}")
