"""Directories of volumes: only those that a claim's UID names, and nothing beyond them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kprov.kube.local_path_provisioner.directories import VolumeDirectories, is_volume_name, make_volume_name

UID = "0a1b2c3d-1111-2222-3333-444455556666"
NAME = f"pvc-{UID}"


@pytest.fixture
def directories(tmp_path: Path) -> VolumeDirectories:
    made = VolumeDirectories(tmp_path / "volumes")
    made.prepare()
    return made


def get_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_volume_is_open_to_all_users_of_its_container_and_to_nobody_else(
    directories: VolumeDirectories,
) -> None:
    path = directories.create(NAME)
    assert path == directories.folder / NAME
    assert (get_mode(path), get_mode(directories.folder)) == (0o777, 0o700)


def test_a_directory_that_exists_keeps_its_content(directories: VolumeDirectories) -> None:
    (directories.create(NAME) / "data").write_text("kept")
    assert (directories.create(NAME) / "data").read_text() == "kept"


def test_a_link_in_the_place_of_a_volume_is_refused(directories: VolumeDirectories, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (directories.folder / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        directories.create(NAME)


@pytest.mark.parametrize(
    "uid", ["", "..", "../etc", f"{UID}/..", f"{UID}\n", UID.upper(), "0a1b2c3d", f"{UID}0", "a" * 36]
)
def test_what_is_no_uid_names_no_directory(directories: VolumeDirectories, uid: str) -> None:
    with pytest.raises(ValueError, match="is not a UID"):
        make_volume_name(uid)
    assert not is_volume_name(f"pvc-{uid}")
    with pytest.raises(ValueError, match="is not the name of a volume"):
        directories.get_path(f"pvc-{uid}")


def test_deleting_removes_all_and_follows_no_link(directories: VolumeDirectories, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    path = directories.create(NAME)
    (path / "deep" / "deeper").mkdir(parents=True)
    (path / "deep" / "link").symlink_to(outside)
    (path / ".hidden").touch()
    directories.delete(NAME)
    assert os.listdir(directories.folder) == []
    assert (outside / "file").exists()
    directories.delete(NAME)


def test_only_empty_directories_of_unknown_volumes_are_removed(directories: VolumeDirectories) -> None:
    """One with content belonged to a volume that was kept: its data is the user's."""
    used, empty, full = (make_volume_name(f"{digit}{UID[1:]}") for digit in "123")
    for name in (used, empty, full):
        directories.create(name)
    (directories.folder / full / "data").touch()
    (directories.folder / "lost+found").mkdir()
    assert directories.remove_unused({used}) == [empty]
    assert sorted(os.listdir(directories.folder)) == sorted(["lost+found", used, full])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    directories = VolumeDirectories(tmp_path / "gone")
    assert directories.describe_problem() == f"{tmp_path}/gone is not a directory"
    directories.prepare()
    assert directories.describe_problem() is None
