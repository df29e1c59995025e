"""What is mounted into a pod's folder is not deleted with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kprov.kube.api.meta import PodUID
from kprov.kube.component_helpers.tree_removal import remove_tree
from kprov.kube.kubelet.volumes import mount
from kprov.kube.kubelet.volumes.manager import VolumeManager
from tests.unit.kube.kubelet.volumes import mount_namespace
from tests.unit.kube.kubelet.volumes.volume_builders import make_volume_manager


def manager(root: Path) -> VolumeManager:
    return make_volume_manager(root)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory of the host that pods mount."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("precious")
    return tmp_path / "data"


def mount_in(folder: Path, data: Path) -> Path:
    folder.mkdir(parents=True)
    mount.mount(str(data), str(folder), flags=mount.MS_BIND)
    return folder


def test_mounts_are_found_through_a_link_to_the_root_directory(tmp_path: Path, data: Path) -> None:
    def work() -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "root").symlink_to("disk")
        mount_in(tmp_path / "root" / "pods" / "u1" / "volumes" / "v", data)
        asyncio.run(manager(tmp_path / "root").remove_pod_folder(PodUID("u1")))
        assert (data / "file").read_text() == "precious"
        assert not (tmp_path / "root" / "pods" / "u1").exists()

    mount_namespace.run(work)


@pytest.mark.parametrize("name", ["größe", "a b", "back\\slash"])
def test_mount_points_may_have_any_name(tmp_path: Path, data: Path, name: str) -> None:
    def work() -> None:
        mount_in(tmp_path / "root" / "pods" / "u1" / "volumes" / "v" / name, data)
        asyncio.run(manager(tmp_path / "root").remove_pod_folder(PodUID("u1")))
        assert (data / "file").read_text() == "precious"
        assert not (tmp_path / "root" / "pods" / "u1").exists()

    mount_namespace.run(work)


def test_hidden_mounts_are_unmounted_too(tmp_path: Path, data: Path) -> None:
    def work() -> None:
        (data / "nested").mkdir()
        point = mount_in(tmp_path / "root" / "pods" / "u1" / "v", data)
        mount.mount(str(data), str(point / "nested"), flags=mount.MS_BIND)
        mount.mount("tmpfs", str(point), "tmpfs")
        asyncio.run(manager(tmp_path / "root").remove_pod_folder(PodUID("u1")))
        assert mount.list_mount_points(str(tmp_path)) == []
        assert (data / "file").read_text() == "precious"

    mount_namespace.run(work)


def test_mount_that_cannot_be_unmounted_stops_the_removal(tmp_path: Path, data: Path) -> None:
    def work() -> None:
        mount_in(tmp_path / "root" / "pods" / "u1" / "v", data)
        # The kernel locks mounts that a less privileged namespace inherits: umount2 fails.
        mount_namespace.unshare(user=True)
        with pytest.raises(OSError, match="Invalid argument"):
            asyncio.run(manager(tmp_path / "root").remove_pod_folder(PodUID("u1")))
        with pytest.raises(OSError, match="still mounted here"):
            remove_tree(tmp_path / "root" / "pods" / "u1")
        assert (data / "file").read_text() == "precious"

    mount_namespace.run(work)


def test_file_that_is_a_mount_point_stops_the_removal(tmp_path: Path, data: Path) -> None:
    def work() -> None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "point").touch()
        mount.mount(str(data / "file"), str(tmp_path / "tree" / "point"), flags=mount.MS_BIND)
        with pytest.raises(OSError, match="busy"):
            remove_tree(tmp_path / "tree")
        assert (data / "file").read_text() == "precious"

    mount_namespace.run(work)


def test_links_are_deleted_not_followed_and_depth_does_not_matter(tmp_path: Path, data: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(data)
    deep = tree
    for _ in range(300):
        deep = deep / "d"
        deep.mkdir()
    remove_tree(tree)
    assert not tree.exists()
    assert (data / "file").exists()


def test_missing_tree_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "missing")
