"""Where a pod's processes stand in the cgroup tree, and the pod-level limits there."""

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.pods import resources
from kprov.kube.kubelet.pods.pod_queries import Pod, uid_of

log = logging.getLogger(__name__)

_FS: Final = Path("/sys/fs/cgroup")


def is_version_2() -> bool:
    return (_FS / "cgroup.controllers").exists()


def _parts(pod: Pod) -> list[str]:
    qos = resources.qos_class(pod)
    middle = [] if qos == resources.GUARANTEED else [qos.lower()]
    return ["kubepods", *middle, f"pod{uid_of(pod)}"]


def parent(pod: Pod, config: KubeletConfig) -> str:
    """The cgroup parent to give to the runtime: a path, or a slice name with the systemd driver."""
    if not config.cgroups_per_qos:
        return ""
    parts = _parts(pod)
    if config.cgroup_driver == "systemd":
        return "-".join(part.replace("-", "_") for part in parts) + ".slice"
    root = config.cgroup_root.rstrip("/")
    return f"{root}/" + "/".join(parts)


def _folder(path: str, controller: str) -> Path:
    return _FS / path.lstrip("/") if is_version_2() else _FS / controller / path.lstrip("/")


def ensure(pod: Pod, config: KubeletConfig) -> None:
    """Make the pod's cgroup with its limits. With the systemd driver the slice comes with the containers."""
    path = parent(pod, config)
    if not path or config.cgroup_driver == "systemd":
        return
    period = int(config.cpu_cfs_period * 1_000_000)
    shares = resources.milli_cpu_to_shares(resources.pod_request(pod, "cpu"))
    cpu, memory = resources.pod_limit(pod, "cpu"), resources.pod_limit(pod, "memory")
    quota = resources.milli_cpu_to_quota(cpu, period) if cpu and config.cpu_cfs_quota else 0
    if is_version_2():
        wanted = {"cpu": {"cpu.weight": str(1 + ((shares - 2) * 9999) // 262142)}, "memory": {}}
        if quota:
            wanted["cpu"]["cpu.max"] = f"{quota} {period}"
        if memory:
            wanted["memory"]["memory.max"] = str(memory)
    else:
        wanted = {"cpu": {"cpu.shares": str(shares)}, "memory": {}}
        if quota:
            wanted["cpu"] |= {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}
        if memory:
            wanted["memory"]["memory.limit_in_bytes"] = str(memory)
    for controller, values in wanted.items():
        folder = _folder(path, controller)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("cgroup %s cannot be made: %s", folder, error)
            continue
        for name, value in values.items():
            _write(folder / name, value)


def _write(file: Path, value: str) -> None:
    try:
        file.write_text(value)
    except OSError as error:
        log.debug("%s: %s", file, error)


def remove(pod: Pod, config: KubeletConfig) -> None:
    """Drop the pod's empty cgroups, after its containers are gone."""
    path = parent(pod, config)
    if not path or config.cgroup_driver == "systemd":
        return
    folders = (
        [_FS / path.lstrip("/")]
        if is_version_2()
        else [base / path.lstrip("/") for base in _FS.iterdir() if base.is_dir() and not base.is_symlink()]
    )
    for folder in folders:
        if folder.is_dir():
            # Unlike Path.glob, it goes on when one of them goes meanwhile.
            for child, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(child).rmdir()
