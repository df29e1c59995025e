"""Unused images are removed when the disk that the runtime names is too full."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri.client import RuntimeFailure
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.images.garbage_collection import ImageGarbageCollector
from kprov.kube.kubelet.node import info
from tests.unit.kube.kubelet.cri_server import serve_cri
from tests.unit.kube.kubelet.images.test_filesystem import make_answer

IMAGES = [pb.Image(id=f"sha256:{number}", size=100) for number in range(3)]


@dataclass
class Recorded(EventSender):
    """Keeps the reasons of events instead of sending them."""

    reasons: list[str] = field(default_factory=list)

    def send_node_event(self, kind: str, reason: str, text: str) -> None:
        self.reasons.append(reason)


def make_answers(**answers: Any) -> dict[str, Any]:
    return {
        "ImageFsInfo": make_answer("/"),
        "ListImages": pb.ListImagesResponse(images=IMAGES),
        "ListContainers": pb.ListContainersResponse(
            containers=[pb.Container(id="c", image_id="sha256:0")],
        ),
        "ContainerStatus": pb.ContainerStatusResponse(),
        "RemoveImage": pb.RemoveImageResponse(),
        **answers,
    }


async def collect(folder: Path, *, disk: tuple[int, int], answers: dict[str, Any]) -> tuple[int, list[str]]:
    """Collect on an empty disk and then on one of (bytes, free bytes), since a new image is never removed.

    Returns how many images were removed, and the reasons of events.
    """
    removed = itertools.count()
    answers["RemoveImage"] = lambda: (next(removed), pb.RemoveImageResponse())[1]
    config = KubeletConfiguration(image_minimum_age=0)
    events = Recorded()
    with pytest.MonkeyPatch.context() as patch:
        # A disk of that size: the machine's own is never full when the test runs.
        disks = [(1000, 1000), disk]
        patch.setattr(info, "read_disk", lambda _: (*disks.pop(0), 10, 10))
        async with serve_cri(folder, answers) as cri:
            collector = ImageGarbageCollector(cri, config, events)
            await collector.collect()
            await collector.collect()
    return next(removed), events.reasons


async def test_a_disk_with_room_keeps_its_images(tmp_path: Path) -> None:
    assert await collect(tmp_path, disk=(1000, 500), answers=make_answers()) == (0, [])


async def test_a_full_disk_loses_unused_images_down_to_the_low_threshold(tmp_path: Path) -> None:
    # 20 % of 1,000 have to be free, 50 are: two images of 100 do, and the used one stays.
    assert await collect(tmp_path, disk=(1000, 50), answers=make_answers()) == (2, [])


async def test_an_image_that_a_container_mounts_stays(tmp_path: Path) -> None:
    mount = pb.Mount(container_path="/data", image=pb.ImageSpec(image="sha256:1"))
    status = pb.ContainerStatusResponse(status=pb.ContainerStatus(id="c", mounts=[mount]))
    answers = make_answers(ContainerStatus=status)
    assert await collect(tmp_path, disk=(1000, 50), answers=answers) == (1, ["FreeDiskSpaceFailed"])


async def test_too_little_to_remove_is_an_event(tmp_path: Path) -> None:
    assert await collect(tmp_path, disk=(10_000, 0), answers=make_answers()) == (
        2,
        ["FreeDiskSpaceFailed"],
    )


async def test_a_disk_without_size_is_an_event(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="invalid capacity 0 on image filesystem"):
        await collect(tmp_path, disk=(0, 0), answers=make_answers())


async def test_only_the_second_failure_in_a_row_is_an_event(tmp_path: Path) -> None:
    events = Recorded()
    async with serve_cri(tmp_path, make_answers(ImageFsInfo=grpc.StatusCode.INTERNAL)) as cri:
        collector = ImageGarbageCollector(cri, KubeletConfiguration(), events)
        assert await collector._collect_or_tell(has_failed=False)
        assert events.reasons == []
        assert await collector._collect_or_tell(has_failed=True)
        assert events.reasons == ["ImageGCFailed"]
