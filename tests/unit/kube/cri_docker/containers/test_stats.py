"""Samples of resource use."""

from __future__ import annotations

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.stats import make_stats

CONTAINER = pb.Container(id="def", metadata=pb.ContainerMetadata(name="main"), labels={"a": "b"})


def make(memory: object) -> pb.ContainerStats:
    sample = {
        "read": "1970-01-01T00:00:01Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 5}},
        "memory_stats": memory,
    }
    return make_stats(CONTAINER, sample)


def test_the_working_set_has_no_file_pages_that_are_not_in_use() -> None:
    first = {
        "usage": 100,
        "limit": 1000,
        "stats": {"total_inactive_file": 30, "inactive_file": 1, "total_rss": 40},
    }
    second = {"usage": 100, "limit": 1000, "stats": {"inactive_file": 30, "anon": 40}}
    for memory in (first, second):
        stats = make(memory)
        assert stats.cpu.usage_core_nano_seconds.value == 5
        assert stats.cpu.timestamp == 1_000_000_000
        assert (stats.memory.usage_bytes.value, stats.memory.working_set_bytes.value) == (100, 70)
        assert (stats.memory.rss_bytes.value, stats.memory.available_bytes.value) == (40, 930)


def test_a_container_that_has_ended() -> None:
    stats = make_stats(CONTAINER, {"read": "0001-01-01T00:00:00Z", "memory_stats": {}})
    assert stats.memory.working_set_bytes.value == 0
    assert not stats.memory.HasField("available_bytes")
    assert stats.cpu.timestamp > 0
