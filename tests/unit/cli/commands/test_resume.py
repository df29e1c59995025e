"""`kprov resume` refuses what a reset has made impossible before it connects to a host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kprov.cli.main import build_program
from kprov.errors import InputError

HOSTS = """
all:
  children:
    kube_control_plane: {hosts: {a: {ansible_host: 192.0.2.1}}}
    etcd: {hosts: {a: }}
    kube_node: {hosts: {a: }}
"""


def write_journal(inventory: Path, number: int, command: str, *, ok: bool) -> Path:
    folder = inventory / "artifacts" / "journal"
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = [
        {"event": "run", "command": command, "limit": None},
        {"event": "task", "host": "a", "key": "1", "outcome": "changed"},
        {"event": "end", "ok": ok},
    ]
    path = folder / f"{number}.jsonl"
    path.write_text("".join(json.dumps({"time": number, **line}) + "\n" for line in lines))
    return path


def resume(inventory: Path, *options: str) -> str:
    words = ["resume", "-i", str(inventory), *options]
    result = CliRunner().invoke(build_program(words), words)
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.mark.parametrize("command", ["up", "certs renew"])
def test_a_run_from_before_a_reset_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "hosts.yml").write_text(HOSTS)
    journal = write_journal(tmp_path, 1, command, ok=False)
    write_journal(tmp_path, 2, "reset", ok=True)
    assert "a: `kprov reset` of" in resume(tmp_path, "--journal", str(journal))
    text = resume(tmp_path)
    assert "`kprov reset` of" in text
    assert f"`kprov up -i {tmp_path}` creates a new cluster" in text
