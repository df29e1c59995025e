"""Nothing that is done in an open directory leads out of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kprov.kube.component_helpers import directory as directory_module
from kprov.kube.component_helpers.directory import Directory, open_beneath, open_by_walk


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Directory]:
    """The folder "inside" with links to a file and a folder outside."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    (tmp_path / "inside" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside" / "file")
    (tmp_path / "inside" / "sub").mkdir()
    (tmp_path / "inside" / "sub" / "file").write_text("own")
    with Directory.open(tmp_path / "inside") as opened:
        yield opened


ACTIONS: dict[str, Callable[[Directory], object]] = {
    "read a link": lambda inside: inside.read_file("link"),
    "read through a link": lambda inside: inside.read_file("folder/file"),
    "create through a link": lambda inside: inside.create_file("folder/new", b"x", 0o600),
    "create on a link": lambda inside: inside.create_file("link", b"x", 0o600),
    "rewrite a link": lambda inside: inside.rewrite_file("link", b"x", 0o600),
    "make a directory through a link": lambda inside: inside.make_directory("folder/new", 0o700),
    "open a link to a directory": lambda inside: inside.open_directory("folder"),
    "open a link for its path": lambda inside: inside.open_any("link"),
    "unlink through a link": lambda inside: inside.unlink("folder/file"),
    "status through a link": lambda inside: inside.get_status("folder/file"),
    "leave by dots": lambda inside: inside.read_file("../outside/file"),
    "leave by dots in the middle": lambda inside: inside.read_file("sub/../../outside/file"),
    "rename out": lambda inside: inside.rename("link", "../outside/link"),
    "link outside": lambda inside: inside.create_link("../outside/link", "x"),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("by_kernel", [True, False], ids=["openat2", "walk"])
def test_no_action_leaves_the_directory(
    inside: Directory, tmp_path: Path, action: str, by_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_kernel:
        # The number of no system call: the kernel answers ENOSYS as one without openat2.
        monkeypatch.setattr(directory_module, "_OPENAT2", 100_000)
    with pytest.raises(OSError, match=r".") as caught:
        ACTIONS[action](inside)
    assert caught.value.errno in {errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.EEXIST}
    assert sorted(entry.name for entry in (tmp_path / "outside").iterdir()) == ["file"]
    assert (tmp_path / "outside" / "file").read_text() == "secret"


def test_both_ways_open_the_same(inside: Directory) -> None:
    found = []
    for open_one in (open_beneath, open_by_walk):
        descriptor = open_one(inside.descriptor, "sub/./file", os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:
            found.append(file.read())
    assert found == [b"own", b"own"]


def test_modes_do_not_depend_on_the_umask(inside: Directory, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        inside.make_directory("a/b", 0o2775).close()
        inside.create_file("a/file", b"1", 0o666)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "inside" / name).stat().st_mode) for name in ("a", "a/b", "a/file")]
    assert modes == [0o2775, 0o2775, 0o666]


def test_a_file_is_rewritten_in_place(inside: Directory, tmp_path: Path) -> None:
    """A container that has the file mounted sees the new content."""
    with open(tmp_path / "inside" / "sub" / "file", "rb") as file:
        inside.rewrite_file("sub/file", b"new", 0o644)
        assert file.read() == b"new"


def test_a_pipe_does_not_stop_the_reader(inside: Directory, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "inside" / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        inside.read_file("pipe")


def test_a_directory_that_was_moved_is_still_the_one_that_is_written(
    inside: Directory, tmp_path: Path
) -> None:
    with inside.open_directory("sub") as sub:
        (tmp_path / "inside" / "sub").rename(tmp_path / "inside" / "moved")
        (tmp_path / "inside" / "sub").symlink_to(tmp_path / "outside")
        sub.create_file("new", b"x", 0o600)
    assert (tmp_path / "inside" / "moved" / "new").exists()
    assert not (tmp_path / "outside" / "new").exists()
