"""Claims of pods: which volume is mounted where, and what the user reads when it cannot be."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.volumes import mount
from kprov.kube.kubelet.volumes.manager import VolumeManager
from tests.unit.kube.kubelet.kubelet_builders import container, pod
from tests.unit.kube.kubelet.volumes import mount_namespace
from tests.unit.kube.kubelet.volumes.volume_builders import make_objects, make_volume_manager

CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
NO_FIELDS = cast("NodeFields", None)


def pod_with_claim(volume: dict[str, Any] | None = None, **spec: Any) -> Pod:
    mounts = spec.pop("volume_mounts", [{"name": "v", "mountPath": "/data"}])
    devices = spec.pop("volume_devices", [])
    return pod(
        container(volumeMounts=mounts, volumeDevices=devices),
        volumes=[CLAIM if volume is None else volume],
        **spec,
    )


def set_up(manager: VolumeManager, made: Pod) -> None:
    asyncio.run(manager.mount_volumes(made, NO_FIELDS))


def read_problem(objects: dict[tuple[str, str], Any], made: Pod, root: Path) -> str:
    with pytest.raises(VolumeError) as caught:
        set_up(make_volume_manager(root, objects), made)
    return str(caught.value)


def test_an_unbound_claim_keeps_the_pod_waiting(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": "/x"}}, phase="Pending")
    assert read_problem(objects, pod_with_claim(), tmp_path) == (
        "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], "
        "failed to process volumes=[v]: error processing PVC default/data: PVC is not bound"
    )


def test_a_claim_that_does_not_exist_is_named(tmp_path: Path) -> None:
    problem = read_problem({}, pod_with_claim(), tmp_path)
    assert problem.endswith(
        "error processing PVC default/data: failed to fetch PVC from API server: "
        'persistentvolumeclaims "data" not found'
    )


def test_a_volume_of_another_claim_is_refused(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": "/x"}}, claimRef={"uid": "other"})
    problem = read_problem(objects, pod_with_claim(), tmp_path)
    assert problem.endswith(
        "found PV object pv but its pv.Spec.ClaimRef.UID other does not point to claim.UID claim-uid"
    )


def test_the_claim_of_an_ephemeral_volume_must_be_the_pods_own(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": "/x"}})
    objects["persistentvolumeclaims", "p-v"] = objects["persistentvolumeclaims", "data"]
    made = pod_with_claim({"name": "v", "ephemeral": {"volumeClaimTemplate": {}}})
    assert read_problem(objects, made, tmp_path).endswith(
        "PVC default/p-v was not created for pod default/p (pod is not owner)"
    )


def test_a_kind_that_is_not_supported_is_named(tmp_path: Path) -> None:
    problem = read_problem(make_objects({"nfs": {"server": "x"}}), pod_with_claim(), tmp_path)
    assert problem.endswith("persistent volumes of type nfs are not supported by this kubelet")


def test_a_block_volume_cannot_be_mounted_as_a_file_system(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": "/dev/x"}}, volumeMode="Block")
    problem = read_problem(objects, pod_with_claim(), tmp_path)
    assert problem.endswith("volume v has volumeMode Block, but is specified in volumeMounts")


def test_a_claim_that_no_container_uses_is_not_mounted(tmp_path: Path) -> None:
    set_up(make_volume_manager(tmp_path), pod_with_claim(volume_mounts=[]))


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": str(tmp_path / "gone")}})
    assert read_problem(objects, pod_with_claim(), tmp_path / "root") == (
        f'MountVolume.SetUp failed for volume "pv" : path "{tmp_path}/gone" does not exist'
    )


def test_a_mount_option_that_a_bind_mount_cannot_have_is_named(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": str(tmp_path)}}, mountOptions=["data=ordered"])
    problem = read_problem(objects, pod_with_claim(), tmp_path / "root")
    assert 'mount option "data=ordered" of volume pv is not possible for a bind mount' in problem


def test_a_host_path_volume_is_used_at_its_own_path(tmp_path: Path) -> None:
    objects = make_objects({"hostPath": {"path": str(tmp_path / "new"), "type": "DirectoryOrCreate"}})
    manager = make_volume_manager(tmp_path / "root", objects)
    made = pod_with_claim()
    set_up(manager, made)
    mounts = manager.make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)
    assert [(item.host_path, item.readonly) for item in mounts] == [(str(tmp_path / "new"), False)]
    assert (tmp_path / "new").is_dir()


def test_a_device_is_passed_to_the_container(tmp_path: Path) -> None:
    """Any block device of this machine will do: it is not opened."""
    device = next((path for path in Path("/dev").iterdir() if path.is_block_device()), None)
    if device is None:
        pytest.skip("this machine has no block device")
    manager = make_volume_manager(
        tmp_path, make_objects({"local": {"path": str(device)}}, volumeMode="Block")
    )
    made = pod_with_claim(volume_mounts=[], volume_devices=[{"name": "v", "devicePath": "/dev/xvda"}])
    set_up(manager, made)
    (entry,) = manager.make_devices(made, made.spec.containers[0])
    assert (entry.host_path, entry.container_path, entry.permissions) == (str(device), "/dev/xvda", "mrw")


def test_a_device_must_be_one(tmp_path: Path) -> None:
    objects = make_objects({"local": {"path": str(tmp_path)}}, volumeMode="Block")
    made = pod_with_claim(volume_mounts=[], volume_devices=[{"name": "v", "devicePath": "/dev/xvda"}])
    assert re.search("is not a block device$", read_problem(objects, made, tmp_path / "root"))


def with_local_volume(tmp_path: Path, check: Callable[[VolumeManager, Path], None], **spec: Any) -> None:
    """Run `check` where mounts are possible, with the folder of a local volume that has one file."""
    source = tmp_path / "volume"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_text("kept")
    manager = make_volume_manager(tmp_path / "root", make_objects({"local": {"path": str(source)}}, **spec))
    mount_namespace.run(lambda: check(manager, source))


def test_a_local_volume_is_bound_below_the_pod_and_outlives_it(tmp_path: Path) -> None:
    def check(manager: VolumeManager, source: Path) -> None:
        made = pod_with_claim()
        set_up(manager, made)
        set_up(manager, made)
        (entry,) = manager.make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)
        assert entry.host_path == f"{tmp_path}/root/pods/u1/volumes/kubernetes.io~local-volume/pv"
        assert Path(entry.host_path, "file").read_text() == "kept"
        assert mount.list_binds(source) == [entry.host_path]
        asyncio.run(manager.remove_pod_folder(made.uid))
        assert not Path(entry.host_path).exists()
        assert (source / "file").read_text() == "kept"

    with_local_volume(tmp_path, check)


def test_a_read_only_claim_cannot_be_written(tmp_path: Path) -> None:
    def check(manager: VolumeManager, source: Path) -> None:
        made = pod_with_claim({"name": "v", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}})
        set_up(manager, made)
        (entry,) = manager.make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)
        assert entry.readonly
        with pytest.raises(OSError, match="Read-only"):
            Path(entry.host_path, "new").touch()
        (source / "new").touch()
        asyncio.run(manager.remove_pod_folder(made.uid))

    with_local_volume(tmp_path, check)


def test_mount_options_apply_to_the_pods_mount(tmp_path: Path) -> None:
    def check(manager: VolumeManager, _source: Path) -> None:
        made = pod_with_claim()
        set_up(manager, made)
        path = manager.get_host_path(made, "v")
        assert os.statvfs(path).f_flag & os.ST_NOEXEC
        asyncio.run(manager.remove_pod_folder(made.uid))

    with_local_volume(tmp_path, check, mountOptions=["noexec"])


def test_a_sub_path_of_a_claim_is_mounted(tmp_path: Path) -> None:
    def check(manager: VolumeManager, source: Path) -> None:
        (source / "sub" / "inner").write_text("inner")
        made = pod_with_claim(volume_mounts=[{"name": "v", "mountPath": "/m", "subPath": "sub"}])
        set_up(manager, made)
        (entry,) = manager.make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)
        assert Path(entry.host_path, "inner").read_text() == "inner"
        asyncio.run(manager.remove_pod_folder(made.uid))
        assert (source / "sub" / "inner").read_text() == "inner"

    with_local_volume(tmp_path, check)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing groups needs root")
def test_the_first_pods_group_owns_the_files(tmp_path: Path) -> None:
    """A second pod with another group gets a warning, as the files have one group only."""

    def check(manager: VolumeManager, source: Path) -> None:
        (source / "link").symlink_to("/etc/passwd")
        first = pod_with_claim(securityContext={"fsGroup": 2000})
        set_up(manager, first)
        assert (source / "file").stat().st_gid == 2000
        assert stat.S_IMODE((source / "file").stat().st_mode) & 0o060 == 0o060
        assert source.stat().st_mode & stat.S_ISGID
        assert Path("/etc/passwd").stat().st_gid == 0
        warnings: list[str] = []
        objects = make_objects({"local": {"path": str(source)}})
        other = make_volume_manager(tmp_path / "root", objects, warnings)
        document = pod_with_claim(securityContext={"fsGroup": 3000})
        document.metadata.uid = "u2"
        set_up(other, document)
        (warning,) = warnings
        assert warning == (
            "AlreadyMountedVolume: The requested fsGroup is 3000, but the volume pv has GID 2000. "
            "The volume may not be shareable."
        )
        assert (source / "file").stat().st_gid == 2000
        for made in (first, document):
            asyncio.run(manager.remove_pod_folder(made.uid))

    with_local_volume(tmp_path, check)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing groups needs root")
def test_a_folder_that_belongs_to_the_group_is_not_walked_on_root_mismatch(tmp_path: Path) -> None:
    def check(manager: VolumeManager, source: Path) -> None:
        os.chown(source, -1, 2000)
        source.chmod(0o2770)
        made = pod_with_claim(
            securityContext={"fsGroup": 2000, "fsGroupChangePolicy": "OnRootMismatch"},
        )
        set_up(manager, made)
        assert (source / "file").stat().st_gid == 0
        asyncio.run(manager.remove_pod_folder(made.uid))

    with_local_volume(tmp_path, check)
