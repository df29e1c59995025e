"""What is printed has no secrets, on a terminal and elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from kprov.cli.output import tables
from kprov.inventory import secrets

SECRET = "never-to-be-seen"


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    secrets.register(SECRET)
    yield
    secrets.forget()


def test_printed_lines_and_tables_hide_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    tables.console.print(f"a {SECRET} b", markup=False)
    tables.print_table(("NAME",), [(SECRET,)])
    said = capsys.readouterr().out
    assert "a ******** b" in said
    assert SECRET not in said


def test_a_status_line_hides_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables.console, "_force_terminal", True)
    monkeypatch.setenv("TERM", "xterm")
    with tables.console.status(f"works on {SECRET}"):
        tables.console.print(f"line {SECRET}")
        sys.stdout.write(f"plain {SECRET}\n")
    said = capsys.readouterr().out
    assert "line ********" in said
    assert SECRET not in said
