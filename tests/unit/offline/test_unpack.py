"""Reading exports: wholly or not at all, and a clear error for what is none."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.offline import manifest
from kprov.offline.manifest import ExportedDistribution, ExportedFile, Manifest
from kprov.offline.unpack import unpack_export

_PARTS = {"bundles/b.tar.gz": b"bundle " * 400, "apt/debian13-ab.tar": b"packages " * 4000}


def make_manifest(folder: Path) -> Manifest:
    files = {}
    for name, content in _PARTS.items():
        (folder / "part").write_bytes(content)
        files[name] = ExportedFile(manifest.hash_file(folder / "part"), len(content))
    one = ExportedDistribution("trixie", "3.13", "bundles/b.tar.gz", "b", "apt/debian13-ab.tar", "ab")
    return Manifest(version("kprov"), "v1.36.0+kprov", "x86_64", {"debian13": one}, files=files)


def write(file: Path, first: bytes, parts: dict[str, bytes] = _PARTS) -> Path:
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in {manifest.NAME: first, **parts}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def rejected(file: Path, cache: Path) -> str:
    """The error's message; nothing is left in the cache."""
    with pytest.raises(InputError) as error:
        unpack_export(file, cache=cache)
    assert error.value.exit_code == 2
    assert not [one for one in cache.glob("*") if one.is_dir()]
    return str(error.value).removeprefix(f"{file}: ")


def test_an_export_is_unpacked_once(tmp_path: Path) -> None:
    file = write(tmp_path / "e", make_manifest(tmp_path).encode())
    first = unpack_export(file, cache=tmp_path / "cache")
    assert {name: first.path(name).read_bytes() for name in _PARTS} == _PARTS
    before = first.path("bundles/b.tar.gz").stat()
    again = unpack_export(file, cache=tmp_path / "cache")
    assert again.path("bundles/b.tar.gz").stat() == before


def test_the_cache_keeps_the_three_exports_that_were_used_last(tmp_path: Path) -> None:
    own = make_manifest(tmp_path)
    folders = [
        unpack_export(
            write(tmp_path / "e", replace(own, components=f"v{number}").encode()), cache=tmp_path / "cache"
        ).folder
        for number in range(5)
    ]
    assert [folder.exists() for folder in folders] == [False, False, True, True, True]


def test_another_file_is_no_export(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (tmp_path / "text").write_text("hello " * 400)
    assert rejected(tmp_path / "text", cache).startswith("is not an export of kprov, or is truncated")
    assert rejected(tmp_path / "nothing", cache) == "cannot be read: No such file or directory"
    os.mkfifo(tmp_path / "pipe")
    assert rejected(tmp_path / "pipe", cache) == "is a named pipe, not a regular file"
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as tar:
        tar.add(tmp_path / "text", "text")
    assert rejected(other, cache) == "is not an export of kprov"
    assert rejected(write(tmp_path / "json", b"[]"), cache) == "is not an export of kprov"


@pytest.mark.parametrize("length", [100, 1500, 5000, 30000])
def test_a_truncated_export_is_rejected(tmp_path: Path, length: int) -> None:
    file = write(tmp_path / "e", make_manifest(tmp_path).encode())
    file.write_bytes(file.read_bytes()[:length])
    assert "truncated" in rejected(file, tmp_path / "cache")


def test_a_truncated_export_is_rejected_even_if_the_cache_has_its_files(tmp_path: Path) -> None:
    file = write(tmp_path / "e", make_manifest(tmp_path).encode())
    unpack_export(file, cache=tmp_path / "cache")
    file.write_bytes(file.read_bytes()[:20000])
    with pytest.raises(InputError, match="truncated"):
        unpack_export(file, cache=tmp_path / "cache")


def test_a_changed_file_is_rejected(tmp_path: Path) -> None:
    parts = _PARTS | {"bundles/b.tar.gz": b"BUNDLE " * 400}
    file = write(tmp_path / "e", make_manifest(tmp_path).encode(), parts)
    text = rejected(file, tmp_path / "cache")
    assert text == (
        "the export is truncated or damaged: bundles/b.tar.gz has another SHA-256 than its manifest"
    )


def test_unknown_and_missing_members_are_rejected(tmp_path: Path) -> None:
    first = make_manifest(tmp_path).encode()
    more = write(tmp_path / "more", first, _PARTS | {"x": b""})
    assert rejected(more, tmp_path / "cache") == "the export is damaged: it has an unknown member x"
    less = write(
        tmp_path / "less", first, {"bundles/b.tar.gz": _PARTS["bundles/b.tar.gz"], "apt/x": b"0" * 36000}
    )
    assert "unknown member apt/x" in rejected(less, tmp_path / "cache")


@pytest.mark.parametrize(("name", "value"), [("kprov", "0.0.9"), ("kprov_export", 0)])
def test_an_export_of_another_kprov_is_rejected(tmp_path: Path, name: str, value: object) -> None:
    document = json.loads(make_manifest(tmp_path).encode()) | {name: value}
    file = write(tmp_path / "e", json.dumps(document).encode())
    text = rejected(file, tmp_path / "cache")
    assert text == (
        f"kprov {document['kprov']} wrote this export, and this is kprov {version('kprov')}: "
        "export again with `kprov bundle export`"
    )


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_paths_outside_the_export_are_rejected(tmp_path: Path, name: str) -> None:
    own = make_manifest(tmp_path)
    file = write(tmp_path / "e", replace(own, files=own.files | {name: ExportedFile("0", 0)}).encode())
    assert rejected(file, tmp_path / "cache") == (
        f"the manifest of the export is damaged: {name!r} is no path inside the export"
    )


def test_a_manifest_without_a_field_is_rejected(tmp_path: Path) -> None:
    document = json.loads(make_manifest(tmp_path).encode())
    del document["distributions"]["debian13"]["bundle"]
    file = write(tmp_path / "e", json.dumps(document).encode())
    assert rejected(file, tmp_path / "cache").startswith("the manifest of the export is damaged: ")
