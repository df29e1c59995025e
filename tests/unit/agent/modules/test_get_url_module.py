"""get_url: a file from a server of this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
#: conftest's Web.
Web = Any
SUM = hashlib.sha256(b"one\n").hexdigest()


def test_a_file_is_downloaded_once(do: Run, web: Web, tmp_path: Path) -> None:
    dest = tmp_path / "one"
    first = do("get_url", url=f"{web.url}/one", dest=str(dest), mode="0640")
    assert first["changed"]
    assert first["status_code"] == 200
    assert first["checksum_dest"] is None
    assert first["checksum_src"] == hashlib.sha1(b"one\n").hexdigest()
    assert (dest.read_text(), dest.stat().st_mode & 0o777) == ("one\n", 0o640)
    again = do("get_url", url=f"{web.url}/one", dest=str(dest))
    assert not again["changed"]
    assert os.listdir(tmp_path) == ["one"]


def test_a_sum_spares_the_request(do: Run, web: Web, tmp_path: Path) -> None:
    dest = tmp_path / "one"
    dest.write_text("one\n")
    result = do("get_url", url=f"{web.url}/gone", dest=str(dest), checksum=f"sha256:{SUM}")
    assert (result["changed"], result["msg"]) == (False, "file already exists")
    assert web.paths == []


def test_a_sum_that_does_not_fit_leaves_nothing(do: Run, web: Web, tmp_path: Path) -> None:
    result = do("get_url", url=f"{web.url}/one", dest=str(tmp_path / "x"), checksum="sha256:00")
    assert result["failed"]
    assert f"did not match 00; it was {SUM}." in result["msg"]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["sums", "bsd", "alone"])
def test_lists_of_sums(do: Run, web: Web, tmp_path: Path, name: str) -> None:
    result = do(
        "get_url", url=f"{web.url}/one", dest=str(tmp_path / "x"), checksum=f"sha256:{web.url}/{name}"
    )
    assert result["changed"], result


def test_a_folder_gets_the_name_of_the_url(do: Run, web: Web, tmp_path: Path) -> None:
    assert do("get_url", url=f"{web.url}/one", dest=str(tmp_path))["dest"] == str(tmp_path / "one")
    assert do("get_url", url=f"{web.url}/named", dest=str(tmp_path))["dest"] == str(tmp_path / "told")


def test_check_mode_asks_for_the_head_only(do: Run, web: Web, tmp_path: Path) -> None:
    result = do("get_url", check=True, url=f"{web.url}/one", dest=str(tmp_path / "x"))
    assert result["changed"]
    assert web.methods == ["HEAD"]
    assert os.listdir(tmp_path) == []


def test_refusals_have_their_status(do: Run, web: Web, tmp_path: Path) -> None:
    result = do("get_url", url=f"{web.url}/gone", dest=str(tmp_path / "x"))
    assert (result["msg"], result["status_code"]) == ("Request failed", 404)
    assert result["response"] == "HTTP Error 404: Not Found"


def test_a_transfer_that_is_cut_short_leaves_the_old_file(do: Run, web: Web, tmp_path: Path) -> None:
    dest = tmp_path / "x"
    dest.write_text("old")
    result = do("get_url", url=f"{web.url}/short", dest=str(dest), force=True)
    assert result["failed"]
    assert "failed to read remaining 90 bytes" in result["msg"]
    assert dest.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_credentials_of_the_url_are_masked(do: Run, web: Web, tmp_path: Path) -> None:
    url = web.url.replace("//", "//me:word@")
    result = do("get_url", url=f"{url}/secret", dest=str(tmp_path / "x"))
    assert result["changed"], result
    assert "word" not in str(result)
    assert do("get_url", url=f"{web.url}/secret", dest=str(tmp_path / "y"))["status_code"] == 401


def test_gzip_is_unpacked_unless_decompress_is_false(do: Run, web: Web, tmp_path: Path) -> None:
    do("get_url", url=f"{web.url}/gzip", dest=str(tmp_path / "a"))
    do("get_url", url=f"{web.url}/gzip", dest=str(tmp_path / "b"), decompress=False)
    assert (tmp_path / "a").read_bytes() == b"small\n"
    assert (tmp_path / "b").read_bytes()[:2] == b"\x1f\x8b"
