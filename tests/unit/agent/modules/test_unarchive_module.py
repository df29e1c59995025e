"""unarchive: tar archives by the host's tar, zip archives by Python."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
SCRIPT = b"#!/bin/sh\n"


@pytest.fixture
def tgz(tmp_path: Path) -> str:
    """app/ with bin/run (0755) and a link to it."""
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, mode, kind in (("app", 0o755, tarfile.DIRTYPE), ("app/run", 0o755, tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = kind, mode, 1_600_000_000
            member.size = len(SCRIPT) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(SCRIPT))
        link = tarfile.TarInfo("app/link")
        link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "run", 1_600_000_000
        archive.addfile(link)
    return str(path)


@pytest.fixture
def zipped(tmp_path: Path) -> str:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, data in (
            ("app/", stat.S_IFDIR | 0o750, b""),
            ("app/run", stat.S_IFREG | 0o755, SCRIPT),
            ("app/link", stat.S_IFLNK | 0o777, b"run"),
        ):
            entry = zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40))
            entry.external_attr, entry.create_system = mode << 16, 3
            archive.writestr(entry, data)
    return str(path)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    (tmp_path / "dest").mkdir()
    return tmp_path / "dest"


@pytest.mark.parametrize(("kind", "handler"), [("tgz", "TgzArchive"), ("zipped", "ZipArchive")])
def test_it_is_unpacked_once(
    do: Run, dest: Path, request: pytest.FixtureRequest, kind: str, handler: str
) -> None:
    src = request.getfixturevalue(kind)
    args = {"src": src, "dest": str(dest), "remote_src": True, "list_files": True}
    assert do("unarchive", check=True, **args)["changed"]
    assert list(dest.iterdir()) == []
    first = do("unarchive", **args)
    assert (first["changed"], first["handler"]) == (True, handler)
    assert sorted(name.rstrip("/") for name in first["files"]) == ["app", "app/link", "app/run"]
    assert (dest / "app/run").stat().st_mode & 0o777 == 0o755
    assert (dest / "app/link").readlink() == Path("run")
    assert not do("unarchive", **args)["changed"]
    (dest / "app/run").write_bytes(b"changed")
    assert do("unarchive", **args)["changed"]
    assert (dest / "app/run").read_bytes() == SCRIPT


def test_members_are_chosen_and_stripped(do: Run, dest: Path, tgz: str) -> None:
    args = {"src": tgz, "dest": str(dest), "remote_src": True}
    do("unarchive", **args, exclude=["app/link"], extra_opts=["--strip-components=1"])
    assert [path.name for path in dest.iterdir()] == ["run"]
    assert do("unarchive", **args, creates=str(dest / "run"))["skipped"]


def test_the_host_downloads_a_url(do: Run, dest: Path, tgz: str) -> None:
    assert do("unarchive", src=f"file://{tgz}", dest=str(dest), remote_src=True)["changed"]
    assert (dest / "app/run").exists()
    failed = do("unarchive", src="file:///none.tgz", dest=str(dest), remote_src=True)
    assert failed["msg"].startswith("Failure downloading file:///none.tgz")


def test_members_outside_of_the_folder_are_refused(do: Run, dest: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../out"))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../out", "")
    for name in ("bad.tar", "bad.zip"):
        result = do("unarchive", src=str(tmp_path / name), dest=str(dest), remote_src=True)
        assert result["msg"].startswith("failed to unpack")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [("none", "' does not exist"), ("empty", "the file is 0 bytes"), ("text", "Failed to find handler for")],
)
def test_what_is_no_archive(do: Run, dest: Path, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("x" * 600)
    assert text in do("unarchive", src=str(tmp_path / name), dest=str(dest), remote_src=True)["msg"]


@pytest.mark.parametrize("behind", ["link/file", "link/", "./link/deep/file"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_zip_does_not_follow_its_own_links(
    do: Run, dest: Path, tmp_path: Path, behind: str, *, reverse: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    link = zipfile.ZipInfo("link")
    link.external_attr, link.create_system = (stat.S_IFLNK | 0o777) << 16, 3
    member = zipfile.ZipInfo(behind)
    member.external_attr, member.create_system = (0o777 << 16), 3
    members = [(link, str(outside)), (member, "" if behind.endswith("/") else "x")]
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for entry, data in members[::-1] if reverse else members:
            archive.writestr(entry, data)
    result = do("unarchive", src=str(tmp_path / "evil.zip"), dest=str(dest), remote_src=True)
    assert "which is a link in the archive" in result["msg"]
    assert (list(dest.iterdir()), list(outside.iterdir())) == ([], [])
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700


def test_a_tar_archive_does_not_follow_its_own_links(do: Run, dest: Path, tmp_path: Path) -> None:
    """GNU tar makes links that lead out of dest only when all files are written."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        for name, target in (("link", str(outside)), ("up", "../outside")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
            member = tarfile.TarInfo(f"{name}/file")
            archive.addfile(member, io.BytesIO())
    do("unarchive", src=str(tmp_path / "evil.tar"), dest=str(dest), remote_src=True)
    assert list(outside.iterdir()) == []
