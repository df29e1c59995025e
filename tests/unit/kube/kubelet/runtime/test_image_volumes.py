"""Volumes that are images are pulled before the container starts, and refused where the runtime is too old."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import NodeName
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.images.errors import ImageError
from kprov.kube.kubelet.images.manager import ImageManager
from kprov.kube.kubelet.runtime.image_volumes import ImageVolumes, find_problem
from tests.unit.kube.kubelet.cri_server import serve_cri
from tests.unit.kube.kubelet.kubelet_builders import container, pod

IMAGE = pb.Image(id="sha256:1", repo_tags=["registry.example/data:1"])


def make_pod(policy: str, **mount: Any) -> Pod:
    """A pod whose first container mounts the image, and whose second one does not."""
    source = {"reference": "registry.example/data:1", "pullPolicy": policy}
    return pod(
        container("reader", volumeMounts=[{"name": "data", "mountPath": "/data", **mount}]),
        container("other"),
        volumes=[{"name": "data", "image": source}, {"name": "scratch", "emptyDir": {}}],
    )


async def pull(folder: Path, made: Pod, index: int = 0, **answers: Any) -> dict[str, pb.ImageSpec]:
    version = pb.VersionResponse(runtime_name="containerd", runtime_version="2.1.4")
    async with serve_cri(folder, {"Version": version, **answers}) as cri:
        await cri.version()
        volumes = ImageVolumes(cri, ImageManager(cri, parallel=1), EventSender(None, NodeName("node1")))
        return await volumes.pull(made, made.spec.containers[index], pb.PodSandboxConfig(), [])


async def test_an_image_of_the_node_is_mounted_by_its_id(tmp_path: Path) -> None:
    answer = pb.ImageStatusResponse(image=IMAGE)
    specs = await pull(tmp_path, make_pod("IfNotPresent"), ImageStatus=answer)
    assert specs["data"].image == "sha256:1"
    assert specs["data"].user_specified_image == "registry.example/data:1"


async def test_a_container_without_the_mount_does_not_wait_for_it(tmp_path: Path) -> None:
    assert await pull(tmp_path, make_pod("Always"), index=1) == {}


async def test_the_policy_always_pulls(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        await pull(
            tmp_path,
            make_pod("Always"),
            ImageStatus=pb.ImageStatusResponse(image=IMAGE),
            PullImage=grpc.StatusCode.UNAVAILABLE,
        )
    assert caught.value.reason == "ErrImagePull"


async def test_the_policy_never_does_not_pull(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        await pull(tmp_path, make_pod("Never"), ImageStatus=pb.ImageStatusResponse())
    assert caught.value.reason == "ErrImageNeverPull"


async def test_an_old_runtime_is_named(tmp_path: Path) -> None:
    old = pb.VersionResponse(runtime_name="containerd", runtime_version="1.7.24~ds1")
    with pytest.raises(ContainerConfigError) as caught:
        await pull(tmp_path, make_pod("Always"), Version=old)
    text = "it needs containerd 2.1 or later, and this node has 1.7.24~ds1"
    assert str(caught.value) == f'volume "data" is an image: {text}'


async def test_a_sub_path_that_the_runtime_would_ignore_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContainerConfigError, match=r"its subPath needs containerd 2\.2 or later"):
        await pull(tmp_path, make_pod("Always", subPath="etc"))


@pytest.mark.parametrize(
    ("runtime", "version", "mounts", "mounts_sub_path"),
    [
        ("containerd", "2.0.5", False, False),
        ("containerd", "2.1.9+unknown", True, False),
        ("containerd", "v2.2.0-rc.1", True, True),
        ("cri-o", "1.30.4", False, False),
        ("cri-o", "1.31.0", True, False),
        ("cri-o", "1.33.0", True, True),
        ("docker", "28.2.2", False, False),
        ("other", "0.1", True, True),
    ],
)
def test_the_first_releases_of_each_runtime(
    runtime: str, version: str, *, mounts: bool, mounts_sub_path: bool
) -> None:
    can = tuple(find_problem(runtime, version, has_sub_path=asked) is None for asked in (False, True))
    assert can == (mounts, mounts_sub_path)
