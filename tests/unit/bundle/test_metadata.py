"""A bundle says which version and storage formats it has."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from kprov.bundle import metadata
from kprov.bundle.archive import pack_tree
from kprov.bundle.metadata import Metadata
from kprov.errors import InputError, KprovError


def test_these_sources_have_a_version_and_read_what_they_write() -> None:
    found = metadata.read_sources()
    assert found.release is not None
    assert found.storage_writes in found.storage_reads
    assert metadata.parse_metadata(metadata.render_metadata(found)) == found


def test_it_is_read_from_an_archive_without_the_libraries(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("bin", "images", "lib"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "file").write_text(folder)
    (tree / metadata.FILE).write_text(metadata.render_metadata(Metadata("v1.40.1", storage_writes=3)))
    pack_tree(tree, tmp_path / "bundle.tar.gz")
    found = metadata.read_archive(tmp_path / "bundle.tar.gz")
    assert (found.version, found.storage_writes, found.release) == ("v1.40.1", 3, (1, 40, 1))
    with tarfile.open(tmp_path / "bundle.tar.gz") as tar:
        names = tar.getnames()
    assert names.index(metadata.FILE) < names.index("lib")


def test_other_files_are_no_bundles(tmp_path: Path) -> None:
    file = tmp_path / "kprov-bundle-3.13-x86_64-0123456789abcdef.tar.gz"
    file.write_text("text")
    with pytest.raises(InputError, match="--to: is not a bundle"):
        metadata.read_archive(file)
    with pytest.raises(KprovError, match=r"bundle\.json is not the description"):
        metadata.parse_metadata("[1]")


def test_fields_of_a_newer_kprov_are_ignored() -> None:
    assert metadata.parse_metadata('{"version": "v1.36.0", "more": 1}') == Metadata("v1.36.0")


def test_titles_name_commits_and_changed_trees() -> None:
    assert Metadata("v1.36.0", "0123456789", "clean").title == "v1.36.0 (01234567)"
    assert Metadata("v1.36.0", "0123456789", "dirty").title == "v1.36.0 (01234567 dirty)"
    assert Metadata().title == "an unknown version"
