"""A subPath shows what it named when the container was made, whatever the container does to its volume."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from pathlib import Path

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.volumes import mount
from kprov.kube.kubelet.volumes.manager import VolumeManager
from tests.builders.containers import build_container
from tests.builders.pods import view_pod
from tests.unit.kube.kubelet.volumes import mount_namespace
from tests.unit.kube.kubelet.volumes.volume_builders import make_volume_manager


def manager(root: Path) -> VolumeManager:
    return make_volume_manager(root)


def pod(volume: Path, sub_path: str) -> Pod:
    container = build_container(volumeMounts=[{"name": "v", "mountPath": "/m", "subPath": sub_path}])
    volumes = [{"name": "v", "hostPath": {"path": str(volume)}}]
    return view_pod(namespace="default", metadata={"uid": "u1"}, containers=[container], volumes=volumes)


def prepare(root: Path, volume: Path, sub_path: str) -> Path:
    """Return the host path that the runtime mounts."""
    made = pod(volume, sub_path)
    return Path(
        manager(root)
        .make_mounts(made, made.spec.containers[0], {}, images={}, supports_recursive=False)[0]
        .host_path
    )


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with data/marker in it; beside it, outside/marker."""
    for folder, text in (("volume/data", "inside"), ("outside", "outside")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "marker").write_text(text)
    return tmp_path / "volume"


def exchange(first: Path, second: Path) -> None:
    """Swap two names in one step, as a container may."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename_exchange = 2
    if libc.renameat2(-100, os.fsencode(first), -100, os.fsencode(second), rename_exchange) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def replace_by_link(path: Path, target: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(target)


def test_link_made_after_the_check_is_not_followed(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        path = prepare(tmp_path / "root", volume, "data")
        replace_by_link(volume / "data", tmp_path / "outside")
        # The runtime opens the path only now.
        assert (path / "marker").read_text() == "inside"

    mount_namespace.run(work)


def test_container_that_swaps_directory_and_link_never_gets_out(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        (volume / "a").mkdir()
        (volume / "a" / "marker").write_text("inside")
        (volume / "link").symlink_to(tmp_path / "outside")
        stop = threading.Event()
        swaps = 0

        def swap() -> None:
            nonlocal swaps
            while not stop.is_set():
                exchange(volume / "a", volume / "link")
                swaps += 1

        thread = threading.Thread(target=swap)
        thread.start()
        seen = []
        try:
            for index in range(400):
                try:
                    path = prepare(tmp_path / f"root{index}", volume, "a")
                except (VolumeError, OSError):
                    continue
                seen.append((path / "marker").read_text())
                mount.unmount(str(path))
        finally:
            stop.set()
            thread.join()
        assert swaps > 0
        assert "inside" in seen
        assert "outside" not in seen

    mount_namespace.run(work)


@pytest.mark.parametrize("target", ["../outside", "/etc"])
def test_link_out_of_the_volume_is_refused(tmp_path: Path, volume: Path, target: str) -> None:
    (volume / "link").symlink_to(target)
    with pytest.raises(VolumeError, match='failed to prepare subPath for volumeMount "v" of container "c"'):
        prepare(tmp_path / "root", volume, "link/marker")


def test_link_within_the_volume_is_followed(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        (volume / "current").symlink_to("data")
        (volume / "absolute").symlink_to(volume / "data")
        assert (prepare(tmp_path / "1", volume, "current") / "marker").read_text() == "inside"
        assert (prepare(tmp_path / "2", volume, "absolute") / "marker").read_text() == "inside"
        assert prepare(tmp_path / "3", volume, "data/marker").read_text() == "inside"

    mount_namespace.run(work)


def test_missing_directories_get_the_mode_of_the_volume(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        volume.chmod(0o2777)
        path = prepare(tmp_path / "root", volume, "new/deep")
        assert path.stat().st_mode & 0o7777 == 0o2777
        assert (volume / "new" / "deep").stat().st_mode & 0o7777 == 0o2777
        assert os.path.samestat(path.stat(), (volume / "new" / "deep").stat())

    mount_namespace.run(work)


def test_restarted_container_gets_the_path_as_it_is_now(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        root = tmp_path / "root"
        first = prepare(root, volume, "data")
        assert prepare(root, volume, "data") == first
        assert len(mount.list_mount_points(str(first))) == 1
        (volume / "data").rename(volume / "old")
        (volume / "data").write_text("a file")
        assert prepare(root, volume, "data").read_text() == "a file"
        assert len(mount.list_mount_points(str(first))) == 1

    mount_namespace.run(work)


def test_mounts_that_a_crash_left_go_with_the_pod_and_the_volume_stays(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        root = tmp_path / "root"
        prepare(root, volume, "data")
        prepare(root, volume, "data/marker")
        # Another process starts, which knows nothing but the disk.
        fresh = manager(root)
        assert fresh.list_pod_folders() == {"u1"}
        asyncio.run(fresh.remove_pod_folder(PodUID("u1")))
        assert mount.list_mount_points(str(root)) == []
        assert fresh.list_pod_folders() == set()
        assert (volume / "data" / "marker").read_text() == "inside"

    mount_namespace.run(work)


def test_volumes_of_an_ended_pod_are_torn_down_with_their_sub_paths(tmp_path: Path, volume: Path) -> None:
    def work() -> None:
        prepare(tmp_path / "root", volume, "data")
        asyncio.run(manager(tmp_path / "root").unmount_volumes(PodUID("u1")))
        assert mount.list_mount_points(str(tmp_path)) == []
        assert (volume / "data" / "marker").exists()

    mount_namespace.run(work)
