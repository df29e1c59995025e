"""The machine's own archives, said for another release."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.debian.sources import sources_for_release
from kprov.errors import KprovError


def machine(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in {"os-release": "ID=debian\nVERSION_CODENAME=bookworm\n", **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def lines(etc: Path) -> list[str]:
    return [source.line() for source in sources_for_release("trixie", etc=etc)]


def test_deb822_sources_keep_mirror_and_key_and_change_the_suites(tmp_path: Path) -> None:
    text = """\
Types: deb
# mirrored
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites:
 bookworm-security
Components: main
"""
    assert lines(machine(tmp_path, {"apt/sources.list.d/debian.sources": text})) == [
        "deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian trixie main",
        "deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_one_line_sources_are_read_with_their_options(tmp_path: Path) -> None:
    text = "# deb http://old bookworm main\ndeb [arch=amd64] https://mirror.example/d bookworm main # here\n"
    assert lines(machine(tmp_path, {"apt/sources.list": text})) == [
        "deb [arch=amd64] https://mirror.example/d trixie main"
    ]


def test_archives_of_others_and_switched_off_ones_are_left_out(tmp_path: Path) -> None:
    files = {
        "apt/sources.list": "deb http://mirror.example/debian bookworm main\n",
        "apt/sources.list.d/cloud.list": "deb https://packages.example/apt sdk-bookworm main\n",
        "apt/sources.list.d/backports.list": "deb http://mirror.example/debian bookworm-backports main\n",
        "apt/sources.list.d/off.sources": "Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n",
    }
    assert lines(machine(tmp_path, files)) == ["deb http://mirror.example/debian trixie main"]


def test_a_machine_without_debian_archives_gets_an_error(tmp_path: Path) -> None:
    with pytest.raises(KprovError, match="has no archive of Debian bookworm to take trixie from"):
        sources_for_release("trixie", etc=machine(tmp_path, {}))
