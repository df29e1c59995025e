"""Limits of containers as Docker's, and back."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kprov.kube.cri import runtime_pb2 as pb

_LOWEST_OOM_SCORE: Final = -1000
#: Docker's names of what it can also change while the container runs.
_FIELDS: Final = (
    ("CpuPeriod", "cpu_period"),
    ("CpuQuota", "cpu_quota"),
    ("CpuShares", "cpu_shares"),
    ("CpusetCpus", "cpuset_cpus"),
    ("CpusetMems", "cpuset_mems"),
    ("Memory", "memory_limit_in_bytes"),
    ("MemorySwap", "memory_swap_limit_in_bytes"),
)


def make_limits(resources: pb.LinuxContainerResources) -> dict[str, Any]:
    """Return the limits that are set. Memory in bytes, CPU times in microseconds.

    Without a limit for swap there is none: Docker's own default is as much swap as memory. Docker has no
    limits for huge pages and no other files of cgroup v2.
    """
    limits = {name: getattr(resources, field) for name, field in _FIELDS if getattr(resources, field)}
    if "Memory" in limits:
        limits.setdefault("MemorySwap", limits["Memory"])
    return limits


def read_limits(host_config: Mapping[str, Any]) -> pb.ContainerResources:
    """Return the limits in HostConfig."""
    linux = pb.LinuxContainerResources(oom_score_adj=int(host_config.get("OomScoreAdj") or 0))
    for name, field in _FIELDS:
        if value := host_config.get(name):
            setattr(linux, field, value)
    return pb.ContainerResources(linux=linux)


def read_lowest_oom_score(*, restrict: bool) -> int:
    """Return the lowest oom_score_adj of containers. restrict: that of this process, as containerd's option.

    Without CAP_SYS_RESOURCE, such as in a container, a process cannot lower it.
    """
    return (
        int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii")) if restrict else _LOWEST_OOM_SCORE
    )


def make_cgroup_parent(path: str, driver: str) -> str:
    """Return HostConfig.CgroupParent. driver: "systemd" wants the slice's name, "cgroupfs" the path."""
    return posixpath.basename(path) if driver == "systemd" else path
