"""Limits as Docker's."""

from __future__ import annotations

from pathlib import Path

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.translation.resources import (
    make_cgroup_parent,
    make_limits,
    read_limits,
    read_lowest_oom_score,
)

Resources = pb.LinuxContainerResources


def test_only_limits_that_are_set() -> None:
    assert make_limits(Resources()) == {}
    assert make_limits(Resources(cpu_shares=2, cpuset_cpus="0-1")) == {"CpuShares": 2, "CpusetCpus": "0-1"}


def test_memory_without_swap() -> None:
    assert make_limits(Resources(memory_limit_in_bytes=100)) == {"Memory": 100, "MemorySwap": 100}


def test_memory_with_swap() -> None:
    limits = make_limits(Resources(memory_limit_in_bytes=100, memory_swap_limit_in_bytes=150))
    assert limits == {"Memory": 100, "MemorySwap": 150}


def test_limits_come_back() -> None:
    resources = Resources(
        cpu_period=100_000,
        cpu_quota=20_000,
        cpu_shares=204,
        cpuset_cpus="0",
        cpuset_mems="0",
        memory_limit_in_bytes=1 << 20,
        memory_swap_limit_in_bytes=1 << 20,
        oom_score_adj=-997,
    )
    assert read_limits({**make_limits(resources), "OomScoreAdj": -997}).linux == resources


def test_the_cgroup_of_a_pod() -> None:
    path = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice"
    assert make_cgroup_parent(path, "systemd") == "kubepods-burstable-pod12.slice"
    assert make_cgroup_parent("/kubepods/burstable/pod12", "cgroupfs") == "/kubepods/burstable/pod12"
    assert make_cgroup_parent("", "systemd") == ""


def test_the_lowest_oom_score() -> None:
    assert read_lowest_oom_score(restrict=False) == -1000
    assert read_lowest_oom_score(restrict=True) == int(Path("/proc/self/oom_score_adj").read_text())
