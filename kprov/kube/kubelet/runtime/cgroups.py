"""The cgroups of pods: their names and their limits (pkg/kubelet/cm)."""

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods import resources

log = logging.getLogger(__name__)

_FS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def is_version_2() -> bool:
    return (_FS / "cgroup.controllers").exists()


def has_swap_controller() -> bool:
    """Whether the kernel limits the swap of cgroups (checkSwapControllerAvailability)."""
    if not is_version_2():
        return (_FS / "memory/memory.memsw.limit_in_bytes").exists()
    # The root cgroup has no such file: look at our own, whose line is 0::/PATH.
    for line in _OWN.read_text(encoding="utf-8").splitlines():
        hierarchy, _, path = line.partition("::")
        if hierarchy == "0":
            return (_FS / path.lstrip("/") / "memory.swap.max").exists()
    return False


def _list_path_parts(pod: Pod) -> list[str]:
    qos = resources.get_qos_class(pod)
    middle = [] if qos == resources.GUARANTEED else [qos.lower()]
    return ["kubepods", *middle, f"pod{pod.uid}"]


def get_cgroup_parent(pod: Pod, config: KubeletConfiguration) -> str:
    """The cgroup parent for the runtime: a path, or a slice name with the systemd driver."""
    if not config.cgroups_per_qos:
        return ""
    parts = _list_path_parts(pod)
    if config.cgroup_driver == "systemd":
        return "-".join(part.replace("-", "_") for part in parts) + ".slice"
    root = config.cgroup_root.rstrip("/")
    return f"{root}/" + "/".join(parts)


def _get_folder(path: str, controller: str) -> Path:
    return _FS / path.lstrip("/") if is_version_2() else _FS / controller / path.lstrip("/")


def create_pod_cgroup(pod: Pod, config: KubeletConfiguration) -> None:
    """Create the pod's cgroup and set its limits. With the systemd driver the runtime creates the slice."""
    path = get_cgroup_parent(pod, config)
    if not path or config.cgroup_driver == "systemd":
        return
    for controller, values in _compute_limits(pod, config).items():
        folder = _get_folder(path, controller)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("creating cgroup %s: %s", folder, error)
            continue
        for name, value in values.items():
            _write(folder / name, value)


def _compute_limits(pod: Pod, config: KubeletConfiguration) -> dict[str, dict[str, str]]:
    """Controller > file > value, for version 1 or version 2 of cgroups."""
    period = int(config.cpu_cfs_period * 1_000_000)
    shares = resources.milli_cpu_to_shares(resources.sum_requests(pod, "cpu"))
    cpu, memory = resources.sum_limits(pod, "cpu"), resources.sum_limits(pod, "memory")
    quota = resources.milli_cpu_to_quota(cpu, period) if cpu and config.cpu_cfs_quota else 0
    limits: dict[str, dict[str, str]]
    if is_version_2():
        limits = {"cpu": {"cpu.weight": str(1 + ((shares - 2) * 9999) // 262142)}, "memory": {}}
        if quota:
            limits["cpu"]["cpu.max"] = f"{quota} {period}"
        if memory:
            limits["memory"]["memory.max"] = str(memory)
    else:
        limits = {"cpu": {"cpu.shares": str(shares)}, "memory": {}}
        if quota:
            limits["cpu"] |= {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}
        if memory:
            limits["memory"]["memory.limit_in_bytes"] = str(memory)
    return limits


def _write(file: Path, value: str) -> None:
    try:
        file.write_text(value)
    except OSError as error:
        log.debug("%s: %s", file, error)


def remove_pod_cgroup(pod: Pod, config: KubeletConfiguration) -> None:
    """Remove the pod's cgroups after its containers are gone."""
    path = get_cgroup_parent(pod, config)
    if not path or config.cgroup_driver == "systemd":
        return
    folders = (
        [_FS / path.lstrip("/")]
        if is_version_2()
        else [base / path.lstrip("/") for base in _FS.iterdir() if base.is_dir() and not base.is_symlink()]
    )
    for folder in folders:
        if folder.is_dir():
            # Unlike Path.glob, os.walk continues if a folder disappears in the meantime.
            for child, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(child).rmdir()
