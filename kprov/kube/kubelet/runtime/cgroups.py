"""The names of the cgroups of pods, and what this host's kernel offers (pkg/kubelet/cm)."""

from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods import resources

FS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def is_version_2() -> bool:
    return (FS / "cgroup.controllers").exists()


def has_swap_controller() -> bool:
    """Whether the kernel limits the swap of cgroups (checkSwapControllerAvailability)."""
    if not is_version_2():
        return (FS / "memory/memory.memsw.limit_in_bytes").exists()
    # The root cgroup has no such file: look at our own, whose line is 0::/PATH.
    for line in _OWN.read_text(encoding="utf-8").splitlines():
        hierarchy, _, path = line.partition("::")
        if hierarchy == "0":
            return (FS / path.lstrip("/") / "memory.swap.max").exists()
    return False


def get_cgroup_parent(pod: Pod, config: KubeletConfiguration) -> str:
    """Return the cgroup parent for the runtime: a path, or a slice name with the systemd driver."""
    if not config.cgroups_per_qos:
        return ""
    qos = resources.get_qos_class(pod)
    middle = [] if qos == resources.GUARANTEED else [qos.lower()]
    return render_cgroup(["kubepods", *middle, f"pod{pod.uid}"], config)


def render_cgroup(parts: list[str], config: KubeletConfiguration) -> str:
    """Return a path, or a slice name with the systemd driver."""
    if config.cgroup_driver == "systemd":
        return "-".join(part.replace("-", "_") for part in parts) + ".slice"
    root = config.cgroup_root.rstrip("/")
    return f"{root}/" + "/".join(parts)
