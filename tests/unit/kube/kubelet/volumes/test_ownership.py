"""The walk that gives a volume to a group, while another pod changes the volume."""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path

import pytest

from kprov.kube.component_helpers.directory import Directory
from kprov.kube.kubelet.volumes.ownership import Ownership, change_ownership
from tests.unit.kube.kubelet.volumes.hostile_process import hostile

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing groups needs root")
EXCHANGE = 2


def change(folder: Path) -> None:
    with Directory.open(folder) as opened:
        change_ownership(opened, Ownership(2000))


def test_files_folders_and_links_get_the_group(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("sub")
    change(tmp_path)
    found = {
        name: (stat.S_IMODE(os.lstat(tmp_path / name).st_mode), os.lstat(tmp_path / name).st_gid)
        for name in (".", "sub", "sub/file")
    }
    assert {mode & 0o2070 for mode, _ in (found["."], found["sub"])} == {0o2070}
    assert found["sub/file"] == (0o660, 2000)
    assert os.lstat(tmp_path / "link").st_gid == 2000


def test_a_process_that_exchanges_a_file_and_a_link_changes_nothing_outside(tmp_path: Path) -> None:
    outside, volume = tmp_path / "outside", tmp_path / "volume"
    outside.mkdir()
    (outside / "file").touch()
    (outside / "file").chmod(0o400)
    volume.mkdir()
    volume.chmod(0o777)
    for index in range(50):
        (volume / f"file{index}").touch()
        (volume / f"link{index}").symlink_to(outside / "file")
    libc = ctypes.CDLL(None)

    def exchange() -> None:
        for index in range(50):
            libc.renameat2(-100, b"file%d" % index, -100, b"link%d" % index, EXCHANGE)

    with hostile(volume, exchange):
        for _ in range(200):
            change(volume)
    status = (outside / "file").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o400, 0)
