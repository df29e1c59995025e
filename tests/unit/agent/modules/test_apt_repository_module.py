"""Sources of packages, as lines and as deb822."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.apt import sources_list
from kprov.agent.modules import deb822_repository

Run = Callable[..., dict[str, Any]]
#: conftest's Web.
Web = Any


def test_lines_are_sources_that_are_on_or_off() -> None:
    line = sources_list.parse_line("deb   [a=b] http://x  stable main # why\n")
    assert (line.valid, line.enabled, line.source, line.comment) == (
        True,
        True,
        "deb [a=b] http://x stable main",
        "why",
    )
    assert not sources_list.parse_line("# deb http://x stable main").enabled
    assert not sources_list.parse_line("# words").valid
    assert str(line) == "deb [a=b] http://x stable main # why\n"


def test_a_source_that_is_off_is_switched_on() -> None:
    sources = {"f": [sources_list.parse_line("# deb http://x stable main")]}
    assert sources_list.add_source(sources, "deb http://x stable main", None) is None
    assert sources_list.render_file(sources["f"]) == "deb http://x stable main\n"
    sources_list.remove_source(sources, "deb http://x stable main")
    assert sources == {"f": []}


@pytest.mark.parametrize(
    ("source", "filename", "path"),
    [
        ("deb http://mirror.example.org/debian stable main", None, "mirror_example_org_debian"),
        ("deb [arch=amd64] https://me:word@x.org/a b c", None, "x_org_a"),
        ("deb http://x b c", "mine", "mine"),
    ],
)
def test_new_files_are_named_after_the_source(source: str, filename: str | None, path: str) -> None:
    assert sources_list.choose_file(source, filename) == f"/etc/apt/sources.list.d/{path}.list"


def test_a_ppa_is_refused_with_what_to_use(do: Run) -> None:
    assert "deb822_repository" in do("apt_repository", repo="ppa:a/b")["msg"]
    assert do("apt_repository", repo="http://x")["msg"] == "Invalid repository string: http://x"


def test_deb822_fields_are_sorted_and_folded(
    do: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deb822_repository, "_SOURCES", str(tmp_path))
    args = {
        "name": "My repo",
        "uris": "http://x",
        "suites": ["a", "b"],
        "by_hash": True,
        "signed_by": "k\n\nl\n",
    }
    result = do("deb822_repository", **args)
    assert result["repo"] == (
        "By-Hash: yes\nX-Repolib-Name: My repo\nSigned-By:\n    k\n    .\n    l\nSuites: a b\nTypes: deb\n"
        "URIs: http://x\n"
    )
    assert (tmp_path / "my-repo.sources").read_text() == result["repo"]
    assert not do("deb822_repository", **args)["changed"]
    assert do("deb822_repository", check=True, name="My repo", state="absent")["changed"]
    assert do("deb822_repository", name="My repo", state="absent")["changed"]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """deb822_repository works below this folder: `sources` and `keyrings`."""
    for name in ("sources", "keyrings"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(deb822_repository, f"_{name.upper()}", str(tmp_path / name))
    return tmp_path


def test_an_empty_deb822_field_ends_with_its_colon(do: Run, places: Path) -> None:
    result = do("deb822_repository", name="a", uris="http://x", suites="./", components=[])
    assert result["repo"].startswith("Components:\nX-Repolib-Name: a\n")


def test_check_mode_tells_of_the_deb822_file_that_would_go(do: Run, places: Path) -> None:
    do("deb822_repository", name="a", uris="http://x", suites="./")
    would = do("deb822_repository", check=True, name="a", state="absent")
    assert (would["changed"], would["mode"], would["state"]) == (True, "0644", "file")
    assert "mode" not in do("deb822_repository", name="a", state="absent")


def test_a_key_takes_the_place_of_a_link(do: Run, places: Path, web: Web) -> None:
    other = places / "other"
    other.write_text("somebody's")
    key = places / "keyrings" / "a.gpg"
    key.symlink_to(other)
    result = do("deb822_repository", name="a", uris="http://x", suites="./", signed_by=f"{web.url}/one")
    assert (result["changed"], result["key_filename"]) == (True, str(key))
    assert other.read_text() == "somebody's"
    assert not key.is_symlink()
    assert oct(key.stat().st_mode & 0o7777) == "0o644"
