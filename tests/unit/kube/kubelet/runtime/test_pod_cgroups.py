"""A limit that cannot be set is an event of the pod or of the node, and the pod starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kprov.kube.api.core import ObjectReference
from kprov.kube.api.meta import NodeName
from kprov.kube.client import EventRecorder
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.runtime import cgroups
from kprov.kube.kubelet.runtime.cgroup_manager import CgroupManager
from kprov.kube.kubelet.runtime.pod_cgroups import create_cgroups
from tests.unit.kube.kubelet.kubelet_builders import container, pod

BURSTABLE = {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m", "memory": "64Mi"}}


class ListedEvents(EventRecorder):
    """Keeps what it would send."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str, str]] = []

    def event(
        self, about: ObjectReference, kind: str, reason: str, message: str, *_: object, **__: object
    ) -> None:
        self.events.append((about.kind, about.name, kind, reason, message))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /sys/fs/cgroup, with version 1."""
    monkeypatch.setattr(cgroups, "FS", tmp_path)
    return tmp_path


def start_pod(root: Path) -> list[tuple[str, str, str, str, str]]:
    recorder = ListedEvents()
    events, manager = EventSender(recorder, NodeName("node1")), CgroupManager(KubeletConfiguration())
    burstable = pod(container(resources=BURSTABLE))
    asyncio.run(create_cgroups(manager, events, burstable, [burstable]))
    return recorder.events


def test_limits_that_are_set_are_no_events(root: Path) -> None:
    assert start_pod(root) == []


def test_a_limit_of_a_pod_that_cannot_be_set_is_an_event_of_the_pod(root: Path) -> None:
    file = root / "memory/kubepods/burstable/podu1/memory.limit_in_bytes"
    file.mkdir(parents=True)
    (event,) = start_pod(root)
    assert event[:4] == ("Pod", "p", "Warning", "FailedCreatePodContainer")
    assert event[4] == (
        f"unable to ensure pod container exists: writing '67108864' to {file}: Is a directory"
    )
    assert (root / "cpu/kubepods/burstable/podu1/cpu.cfs_quota_us").read_text() == "50000"


def test_a_limit_of_a_class_that_cannot_be_set_is_an_event_of_the_node(root: Path) -> None:
    file = root / "cpu/kubepods/besteffort/cpu.shares"
    file.mkdir(parents=True)
    assert start_pod(root) == [
        ("Node", "node1", "Warning", "FailedUpdateQOSCgroups", f"writing '2' to {file}: Is a directory")
    ]
    assert (root / "cpu/kubepods/burstable/podu1/cpu.shares").read_text() == "256"
