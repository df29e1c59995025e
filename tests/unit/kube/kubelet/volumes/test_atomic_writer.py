"""Files that change all at once."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from kprov.kube.component_helpers.directory import Directory
from kprov.kube.kubelet.volumes import atomic_writer
from kprov.kube.kubelet.volumes.atomic_writer import Projection
from tests.unit.kube.kubelet.volumes.hostile_process import hostile


def write(folder: Path, content: Mapping[str, Projection], group: int | None = None) -> bool:
    with Directory.open(folder) as opened:
        return atomic_writer.write(opened, content, group=group)


def files(**content: str) -> dict[str, Projection]:
    return {name.replace("__", "/"): Projection(text.encode(), 0o640) for name, text in content.items()}


def test_files_appear_as_links_through_data(tmp_path: Path) -> None:
    assert write(tmp_path, files(a="1", sub__b="2"))
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "sub" / "b").read_text() == "2"
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_the_same_content_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, files(a="1"))
    before = (tmp_path / "..data").readlink()
    assert not write(tmp_path, files(a="1"))
    assert (tmp_path / "..data").readlink() == before


def test_new_content_replaces_all_of_the_old(tmp_path: Path) -> None:
    write(tmp_path, files(a="1", b="2"))
    assert write(tmp_path, files(a="3"))
    assert (tmp_path / "a").read_text() == "3"
    assert not (tmp_path / "b").is_symlink()
    folders = [entry for entry in tmp_path.iterdir() if entry.is_dir() and not entry.is_symlink()]
    assert len(folders) == 1


def test_links_that_are_missing_are_made_again(tmp_path: Path) -> None:
    write(tmp_path, files(a="1"))
    (tmp_path / "a").unlink()
    assert not write(tmp_path, files(a="1"))
    assert (tmp_path / "a").read_text() == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="changing groups needs root")
def test_the_group_of_the_pod_may_read_and_not_write(tmp_path: Path) -> None:
    content = {"key": Projection(b"1", 0o400), "sub/key": Projection(b"2", 0o644)}
    write(tmp_path, content, group=2000)
    real = tmp_path / (tmp_path / "..data").readlink()
    found = {
        name: (stat.S_IMODE((real / name).stat().st_mode), (real / name).stat().st_gid)
        for name in (".", "key", "sub", "sub/key")
    }
    assert found == {
        ".": (0o2755, 2000),
        "key": (0o440, 2000),
        "sub": (0o2755, 2000),
        "sub/key": (0o644, 2000),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="the writer is root")
def test_a_process_that_swaps_the_new_folder_gets_no_key_outside(tmp_path: Path) -> None:
    """Kubelets before this one gave everybody the right to write to the folder (CVE-2017-1002102)."""
    outside, volume = tmp_path / "outside", tmp_path / "volume"
    outside.mkdir(mode=0o700)
    volume.mkdir()
    volume.chmod(0o777)
    numbers = itertools.count()

    def swap() -> None:
        for name in os.listdir("."):
            if name.startswith("..2") and not os.path.islink(name):
                os.rename(name, f"moved{next(numbers)}")
                os.symlink(outside, name)

    with hostile(volume, swap):
        for turn in range(100):
            with contextlib.suppress(OSError):
                write(volume, {f"key{index}": Projection(b"%d" % turn, 0o644) for index in range(500)})
            if turn >= 3 and any(entry.name.startswith("moved") for entry in volume.iterdir()):
                break
        else:
            pytest.fail("the process exchanged no folder in 100 turns")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("target", ["/etc", "..", "../outside", "..moved/../../outside"])
def test_a_link_to_old_content_elsewhere_is_not_followed(tmp_path: Path, target: str) -> None:
    outside, volume = tmp_path / "outside", tmp_path / "volume"
    volume.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("kept")
    (volume / "..data").symlink_to(target)
    assert write(volume, files(a="1"))
    assert (volume / "a").read_text() == "1"
    assert (outside / "precious").read_text() == "kept"
