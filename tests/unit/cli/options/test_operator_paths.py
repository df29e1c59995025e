"""Paths of the command line are absolute before a command sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from kprov.cli.main import COMMANDS, build_program
from kprov.cli.options.operator_paths import AbsolutePathsCommand, make_absolute, read_file_list, read_source


def list_commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the words and the object of each command below a group."""
    if not hasattr(group, "commands"):
        yield " ".join(words), group
        return
    for name, command in group.commands.items():
        yield from list_commands(command, (*words, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_gets_absolute_paths(name: str) -> None:
    program: Any = typer.main.get_command(build_program([name]))
    for words, command in list_commands(program.commands[name], (name,)):
        assert isinstance(command, AbsolutePathsCommand), words
        for parameter in command.params:
            if "--inventory" in parameter.opts and parameter.multiple:
                values = parameter.type_cast_value(typer.Context(command), ["a"])
                assert list(values) == [str(Path("a").absolute())]


def test_arguments_options_defaults_and_lists_of_paths_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    app = typer.Typer()

    @app.command(cls=AbsolutePathsCommand)
    def show(
        files: Annotated[list[Path], typer.Argument()],
        out: Annotated[Path | None, typer.Option()] = None,
        place: Annotated[Path, typer.Option()] = Path("inventories/lab"),
        text: Annotated[str, typer.Option()] = "word",
    ) -> None:
        seen.update(files=files, out=out, place=place, text=text)

    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["a", "-", "../b", "/c"]).exit_code == 0
    assert seen == {
        "files": [tmp_path / "a", Path("-"), tmp_path / "../b", Path("/c")],
        "out": None,
        "place": tmp_path / "inventories/lab",
        "text": "word",
    }


def test_a_list_of_hosts_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [read_source(text) for text in ("a,", "a,b", "")] == ["a,", "a,b", ""]
    (tmp_path / "x,y").touch()
    assert read_source("x,y") == str(tmp_path / "x,y")
    assert read_source("inv") == str(tmp_path / "inv")


def test_links_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert make_absolute(Path("link/x")) == tmp_path / "link/x"


def test_files_of_a_list_are_absolute_and_other_words_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle.tar.gz").touch()
    assert read_file_list("bundle.tar.gz, 0123abcd") == f"{tmp_path / 'bundle.tar.gz'},0123abcd"
    assert [read_file_list(text) for text in ("", "v1.36.0")] == ["", "v1.36.0"]
