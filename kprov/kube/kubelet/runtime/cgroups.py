"""The cgroups of pods: their names and their limits (pkg/kubelet/cm)."""

import contextlib
import logging
import os
import subprocess
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods import resources

log = logging.getLogger(__name__)

_FS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
_RUNTIME_UNITS: Final = Path("/run/systemd/system.control")


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
    if not path:
        return
    if config.cgroup_driver == "systemd":
        _limit_slice(path, config)
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
    if config.pod_pids_limit > 0:
        limits["pids"] = {"pids.max": str(config.pod_pids_limit)}
    return limits


def _limit_slice(name: str, config: KubeletConfiguration) -> None:
    """Set the limit of processes before the runtime starts the slice; systemd drops it when it boots."""
    if config.pod_pids_limit <= 0 or _get_drop_in(name).is_dir():
        return
    _run_systemctl("set-property", "--runtime", name, f"TasksMax={config.pod_pids_limit}")


def _get_drop_in(name: str) -> Path:
    """The folder in which systemd stores the properties of a slice until the next boot."""
    return _RUNTIME_UNITS / f"{name}.d"


def _run_systemctl(*arguments: str) -> None:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        log.warning("systemctl %s: %s", " ".join(arguments), done.stderr.strip())


def _write(file: Path, value: str) -> None:
    try:
        file.write_text(value)
    except OSError as error:
        log.debug("%s: %s", file, error)


def remove_pod_cgroup(pod: Pod, config: KubeletConfiguration) -> None:
    """Remove the pod's cgroups after its containers are gone."""
    path = get_cgroup_parent(pod, config)
    if not path:
        return
    if config.cgroup_driver == "systemd":
        if _get_drop_in(path).is_dir():
            _run_systemctl("stop", path)
            _run_systemctl("revert", path)
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
