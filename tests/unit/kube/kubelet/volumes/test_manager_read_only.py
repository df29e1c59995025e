"""Volumes with the API's content: only the kubelet writes to them (CVE-2017-1002102)."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.volumes.claims import ClaimedVolumes
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.kubelet.volumes.sources import VolumeSources
from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.kubelet.kubelet_builders import container, pod
from tests.unit.kube.kubelet.volumes import mount_namespace

SOURCES: dict[str, JsonObject] = {
    "configMap": {"name": "data"},
    "secret": {"secretName": "data"},
    "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]},
    "projected": {"sources": [{"secret": {"name": "data"}}]},
}
FIELDS = NodeFields()


async def get_object(_plural: str, _namespace: str, _name: str) -> JsonObject | None:
    return {"data": {}}


async def get_token(_pod: Pod, _source: JsonObject) -> str:
    return "token"


def make_manager(root: Path) -> VolumeManager:
    sources = VolumeSources(get_object, get_token, {})
    return VolumeManager(str(root), sources, ClaimedVolumes(get_object), lambda *_: None)


def pod_with(kind: str, source: JsonObject, **spec: Any) -> Pod:
    mounts = [{"name": "v", "mountPath": "/m"}, {"name": "v", "mountPath": "/s", "subPath": "sub"}]
    return pod(container(volumeMounts=mounts), volumes=[{"name": "v", kind: source}], **spec)


def get_volume(root: Path, plugin: str) -> Path:
    return root / "pods" / "u1" / "volumes" / f"kubernetes.io~{plugin}" / "v"


@pytest.mark.parametrize("kind", SOURCES)
def test_containers_get_them_read_only(tmp_path: Path, kind: str) -> None:
    def work() -> None:
        manager, made = make_manager(tmp_path), pod_with(kind, SOURCES[kind])
        asyncio.run(manager.mount_volumes(made, FIELDS))
        mounts = manager.make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)
        assert [item.readonly for item in mounts] == [True, True]

    mount_namespace.run(work)


def test_an_empty_dir_is_written_to_by_containers(tmp_path: Path) -> None:
    def work() -> None:
        manager, made = make_manager(tmp_path), pod_with("emptyDir", {})
        asyncio.run(manager.mount_volumes(made, FIELDS))
        mounts = manager.make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)
        assert [item.readonly for item in mounts] == [False, False]
        assert stat.S_IMODE(Path(mounts[0].host_path).stat().st_mode) == 0o777

    mount_namespace.run(work)


def test_an_image_is_mounted_read_only_by_the_runtime(tmp_path: Path) -> None:
    manager, made = make_manager(tmp_path), pod_with("image", {"reference": "data:1"})
    asyncio.run(manager.mount_volumes(made, FIELDS))
    images = {"v": pb.ImageSpec(image="sha256:1")}
    mounts = manager.make_mounts(made, made.spec.containers[0], {}, images=images, supports_recursive=False)
    assert [(item.host_path, item.image.image, item.image_sub_path, item.readonly) for item in mounts] == [
        ("", "sha256:1", "", True),
        ("", "sha256:1", "sub", True),
    ]


def test_a_pod_may_ask_for_recursively_read_only(tmp_path: Path) -> None:
    mount = {"name": "v", "mountPath": "/m", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    made = pod(container(volumeMounts=[mount]), volumes=[{"name": "v", "hostPath": {"path": "/srv"}}])
    for supported in (True, False):
        (entry,) = make_manager(tmp_path).make_mounts(
            made, made.spec.containers[0], {}, images={}, supports_recursive=supported
        )
        assert (entry.readonly, entry.recursive_read_only) == (True, supported)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing groups needs root")
@pytest.mark.parametrize(
    ("context", "mode", "group"),
    [({}, 0o755, 0), ({"fsGroup": 2000}, 0o2755, 2000)],
    ids=["plain", "fsGroup"],
)
@pytest.mark.parametrize(("kind", "plugin"), [("configMap", "configmap"), ("secret", "secret")])
def test_the_folder_is_the_kubelets_also_if_an_older_kubelet_gave_it_to_all(
    tmp_path: Path, kind: str, plugin: str, context: JsonObject, mode: int, group: int
) -> None:
    def work() -> None:
        folder = get_volume(tmp_path, plugin)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        made = pod_with(kind, SOURCES[kind], securityContext=context)
        asyncio.run(make_manager(tmp_path).mount_volumes(made, FIELDS))
        status = folder.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_gid) == (mode, group)

    mount_namespace.run(work)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root")
@pytest.mark.parametrize(
    ("kind", "source", "plugin"),
    [("secret", SOURCES["secret"], "secret"), ("emptyDir", {"medium": "Memory"}, "empty-dir")],
)
def test_a_volume_in_memory_is_mounted_once_also_after_a_kill_between_two_steps(
    tmp_path: Path, kind: str, source: JsonObject, plugin: str
) -> None:
    def work() -> None:
        folder = get_volume(tmp_path, plugin)
        # The former kubelet was killed after it had made the folder.
        folder.mkdir(parents=True)
        for _ in range(2):
            asyncio.run(make_manager(tmp_path).mount_volumes(pod_with(kind, source), FIELDS))
            lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
            assert [line.split()[4] for line in lines].count(str(folder)) == 1

    mount_namespace.run(work)
