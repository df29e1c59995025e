"""mount: lines of an fstab, and what the kernel says is mounted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.system import fstab

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def mount(do: Do, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(**args: Any) -> dict[str, Any]:
        return do("mount", fstab=str(tmp_path / "fstab"), **args)

    return run


def test_an_entry_is_written_once(mount: Do, tmp_path: Path) -> None:
    (tmp_path / "fstab").write_text("# by hand\nproc /proc proc defaults\n")
    result = mount(path="/mnt/a b", src="tmpfs", fstype="tmpfs", opts="size=1m", boot=False, state="present")
    assert (result["changed"], result["opts"], result["boot"]) == (True, "size=1m,noauto", "no")
    line = "tmpfs /mnt/a\\040b tmpfs size=1m,noauto 0 0\n"
    assert (tmp_path / "fstab").read_text() == "# by hand\nproc /proc proc defaults\n" + line
    same = mount(path="/mnt/a b", src="tmpfs", fstype="tmpfs", opts="size=1m", boot=False, state="present")
    assert not same["changed"]


def test_an_entry_is_taken_away(mount: Do, tmp_path: Path) -> None:
    (tmp_path / "fstab").write_text("a /a ext4 defaults 0 0\nb /b ext4 defaults 0 0\n")
    assert mount(path="/a", state="absent_from_fstab", check=True)["changed"]
    assert mount(path="/a", state="absent_from_fstab")["changed"]
    assert (tmp_path / "fstab").read_text() == "b /b ext4 defaults 0 0\n"
    assert not mount(path="/a", state="absent_from_fstab")["changed"]


def test_a_backup_is_kept_where_asked_for(mount: Do, tmp_path: Path) -> None:
    (tmp_path / "fstab").write_text("a /a ext4 defaults 0 0\n")
    result = mount(path="/b", src="b", fstype="ext4", state="present", backup=True)
    assert Path(result["backup_file"]).read_text() == "a /a ext4 defaults 0 0\n"


def test_missing_arguments_of_a_state_are_reported(mount: Do) -> None:
    text = "state is mounted but all of the following are missing: src, fstype"
    assert mount(path="/a", state="mounted")["msg"] == text


def test_a_bind_mount_comes_from_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "mountinfo"
    path.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "23 22 8:1 /srv/a /mnt rw - ext4 /dev/sda1 rw\n"
        "24 22 0:40 / /run rw shared:1 - tmpfs tmpfs rw\n"
    )
    found = fstab.read_mounts(str(path))
    assert found["/mnt"] == ("/srv/a", "/dev/sda1")
    assert found["/"] == ("/dev/sda1", "/dev/sda1")
