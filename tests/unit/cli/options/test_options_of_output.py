"""-o is the output format of commands that print results; files that a command writes are checked before it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kprov.cli.main import COMMANDS, build_program
from tests.unit.cli.test_main import kprov

from .test_options_of_hosts import inventory  # noqa: F401  a fixture


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its words."""
    for name in COMMANDS:
        group: Any = typer.main.get_command(build_program([name]))
        command = group.commands[name]
        for word, sub in getattr(command, "commands", {"": command}).items():
            yield f"{name} {word}".strip(), sub


def test_o_is_the_format_of_all_commands_that_print_results() -> None:
    formats = {}
    for name, command in commands():
        for parameter in command.params:
            if "-o" in parameter.opts:
                assert "--output" in parameter.opts, name
                formats[name] = parameter.make_metavar(typer.Context(command)), parameter.default
    # A diagnosis and a snapshot are files.
    assert [formats.pop(name)[0] for name in ("diagnose", "etcd snapshot")] == ["<path>", "<path>"]
    assert {text for text, _ in formats.values()} == {"<table|json>"}
    assert {str(default) for _, default in formats.values()} == {"table"}
    assert set(formats) >= {
        "plan",
        "verify",
        "run",
        "certs list",
        "bundle list",
        "lab list",
        "inventory check",
    }


def test_the_plans_file_in_o_is_deprecated(inventory: Path, tmp_path: Path) -> None:  # noqa: F811
    done = kprov("plan", "-i", str(inventory), "-o", str(tmp_path / "x.kprov"))
    assert "warning: -o FILE is deprecated; use --out FILE" in done.stderr
    both = kprov("plan", "-i", str(inventory), "-o", "x.kprov", "--out", "y.kprov")
    assert (both.returncode, "--output: 'x.kprov' is not table or json" in both.stderr) == (2, True), both


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--report", ("play", "{play}", "-i", "localhost,")),
        ("--report", ("run", "all", "-i", "localhost,", "-a", "touch {mark}")),
        ("--report", ("up", "-i", "{inventory}")),
        ("--out", ("plan", "-i", "{inventory}")),
    ],
)
def test_a_file_that_cannot_be_written_is_noticed_before_the_run(
    option: str,
    arguments: tuple[str, ...],
    inventory: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    mark, play = tmp_path / "mark", tmp_path / "play.yml"
    play.write_text(f"- hosts: all\n  gather_facts: false\n  tasks: [{{command: touch {mark}}}]\n")
    words = [text.format(play=play, mark=mark, inventory=inventory) for text in arguments]
    done = kprov(*words, option, str(tmp_path / "none" / "file.json"))
    assert done.returncode == 2
    assert f"{option}: the folder {tmp_path}/none does not exist" in done.stderr
    assert not mark.exists()
    assert "Reaching" not in done.stdout
    done = kprov(*words, option, str(tmp_path))
    assert (done.returncode, "is a folder" in done.stderr, mark.exists()) == (2, True, False), done.stderr


def test_a_modules_results_as_json_and_as_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run = ("run", "all", "-i", "localhost,", "-m", "ping", "-o", "json", "--report", str(report))
    done = kprov(*run)
    assert json.loads(done.stdout)["localhost"]["ping"] == "pong"
    (task,) = json.loads(report.read_text())["tasks"]
    assert task["hosts"]["localhost"]["outcome"] == "ok"
    assert kprov("run", "all", "-i", "localhost,", "-m", "ping", "--json").stdout == done.stdout


def test_certificates_are_those_of_an_inventory_that_is_named(tmp_path: Path) -> None:
    done = kprov("certs", "list")
    assert done.returncode == 2
    assert "Missing option" in done.stderr
    assert "--inventory" in done.stderr
