"""Checksums are hashlib's, whichever code works them out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kprov.agent import checksums
from kprov.agent.files import content_placement, paths

NAMES = ("sha256", "sha1", "md5")


def expected(data: bytes) -> dict[str, str]:
    return {name: hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in NAMES}


@pytest.fixture(autouse=True)
def nothing_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "_hashed", {"bytes": 0})


def test_a_small_content_needs_no_openssl() -> None:
    assert not type(checksums.new_hash("sha256", 10)).__module__.startswith("_hashlib")
    assert checksums.hash_parts(NAMES, [b"a ", b"content"], 9) == expected(b"a content")


def test_after_half_a_megabyte_openssl_goes_on() -> None:
    large = bytes(1 << 20)
    assert checksums.hash_parts(NAMES, [large], len(large)) == expected(large)
    assert type(checksums.new_hash("sha256", 10)).__module__.startswith("_hashlib")
    assert checksums.hash_bytes("sha256", b"more") == hashlib.sha256(b"more").hexdigest()


def test_python_may_have_been_built_without_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    checksums._find_builtin.cache_clear()
    monkeypatch.setattr(checksums, "_BUILTIN_MODULES", {"sha256": ("_no_such_module",)})
    try:
        assert checksums.hash_parts(NAMES, [b"a content"], 9) == expected(b"a content")
    finally:
        checksums._find_builtin.cache_clear()


def test_other_algorithms_are_hashlibs() -> None:
    assert checksums.hash_bytes("sha512", b"x") == hashlib.sha512(b"x").hexdigest()


def test_a_file_has_the_same_sums_and_one_that_is_gone_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a content")
    assert content_placement.file_checksums(str(path), md5=True) == expected(b"a content")
    assert paths.hash_file(str(path), "sha384") == hashlib.sha384(b"a content").hexdigest()
    assert paths.hash_file(str(tmp_path / "none"), "sha1") is None
