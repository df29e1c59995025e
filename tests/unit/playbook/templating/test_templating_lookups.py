"""Lookups of files and of the operator's machine; what with_NAME loops over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("  first\nsecond\n\n")
    (files / "b.txt").write_text("b\n")
    (files / "x.ini").write_text("[db]\nuser=root\n")
    (files / "e.csv").write_text("H,1\nLi,3\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.j2").write_text("{{ n }} {{ template_path }}\n")
    templar = Templar()
    return Scope(templar, [Layer({"playbook_dir": str(tmp_path), "n": 1, "l": [1, [2]], "name": "b.txt"})])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ lookup('file', 'a.txt') }}", "  first\nsecond"),
        ("{{ lookup('file', 'a.txt', rstrip=false, lstrip=true) }}", "first\nsecond\n\n"),
        ("{{ lookup('file', '{{ name }}') }}", "b"),
        ("{{ query('file', 'b.txt', 'b.txt') }}", ["b", "b"]),
        ("{{ lookup('file', 'b.txt', 'b.txt') }}", "b,b"),
        ("{{ lookup('file', 'none', errors='ignore') }}", None),
        ("{{ lookup('template', 't.j2') }}", "1 t.j2\n"),
        ("{{ query('fileglob', '*.txt') | map('basename') | sort }}", ["a.txt", "b.txt"]),
        ("{{ lookup('first_found', ['none', 'b.txt']) | basename }}", "b.txt"),
        ("{{ lookup('first_found', {'files': ['none'], 'skip': true}) }}", []),
        ("{{ lookup('ini', 'user', section='db', file='x.ini') }}", "root"),
        ("{{ lookup('csvfile', 'Li', file='e.csv', delimiter=',') }}", "3"),
        ("{{ lookup('pipe', 'echo a; echo b') }}", "a\nb"),
        ("{{ query('lines', 'echo a; echo b') }}", ["a", "b"]),
        ("{{ lookup('unvault', 'b.txt') }}", "b\n"),
    ],
)
def test_a_lookup_finds(scope: Scope, text: str, expected: Any) -> None:
    assert scope.templar.render(text, scope) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ lookup('file', 'none') }}", "Unable to access the file 'none'"),
        ("{{ lookup('pipe', 'exit 3') }}", "returned 3"),
        ("{{ lookup('config', 'X') }}", "use variables"),
        ("{{ lookup('nowhere') }}", "the lookup 'nowhere' is not supported; use one of"),
        ("{{ lookup('file', 'a.txt', nope=1) }}", "'nope' is not an option of file"),
    ],
)
def test_a_lookup_says_why_not(scope: Scope, text: str, message: str) -> None:
    with pytest.raises(TemplatingError) as caught:
        scope.templar.render(text, scope)
    assert message in str(caught.value)


def test_the_password_lookup_creates_its_file_once(scope: Scope, tmp_path: Path) -> None:
    text = "{{ lookup('password', 'secrets/p length=12 chars=digits') }}"
    first = scope.templar.render(text, scope)
    assert re.fullmatch("[0-9]{12}", str(first))
    assert scope.templar.render(text, scope) == first
    path = tmp_path / "secrets" / "p"
    assert (path.read_text(), path.stat().st_mode & 0o777) == (f"{first}\n", 0o600)


def test_an_encrypted_password_keeps_its_salt(scope: Scope, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("secret\n")
    text = "{{ lookup('password', 'p', encrypt='md5_crypt') }}"
    first = scope.templar.render(text, scope)
    assert str(first).startswith("$1$")
    assert scope.templar.render(text, scope) == first
    assert re.fullmatch(r"secret salt=\S{8}\n", (tmp_path / "p").read_text())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("items", ["{{ l }}", "x"], [1, [2], "x"]),
        ("dict", {"a": "{{ n }}"}, [{"key": "a", "value": 1}]),
        ("sequence", "count={{ n + 1 }}", ["1", "2"]),
        ("first_found", [{"files": ["{{ nope }}", "none"], "skip": True}], []),
        ("subelements", ["{{ [{'k': [1], 'n': 2}] }}", "k"], [[{"n": 2}, 1]]),
        ("together", [["a", "b"], [1]], [["a", 1], ["b", None]]),
    ],
)
def test_with_name_loops_over_a_lookup(scope: Scope, name: str, value: Any, expected: list[Any]) -> None:
    assert scope.templar.find_loop_items(name, value, scope) == expected
