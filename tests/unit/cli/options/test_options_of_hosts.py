"""Options that choose hosts and the way to them: the same for every command that works on hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from kprov.cli.main import build_program
from tests.unit.cli.test_main import kprov

ON_HOSTS = ("up", "plan", "resume", "verify", "reset", "play", "run")
SHARED = (
    *("--inventory", "--limit", "--extra-vars", "--forks", "--user", "--private-key", "--connection"),
    *("--timeout", "--become", "--become-user", "--become-method", "--ask-pass", "--ask-become-pass"),
    *("--vault-id", "--vault-password-file", "--ask-vault-pass"),
)


def options(command: str) -> dict[str, Any]:
    """A command's options by each of their names."""
    group: Any = typer.main.get_command(build_program([command]))
    return {name: one for one in group.commands[command].params for name in one.opts}


@pytest.mark.parametrize("command", ON_HOSTS)
def test_every_command_on_hosts_has_the_options_for_them(command: str) -> None:
    found = options(command)
    assert [name for name in SHARED if name not in found] == []
    assert {"-i", "-l", "-e", "-f", "-u", "-c", "-T", "-b", "-k", "-K", "-J"} <= set(found)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A cluster of one host where nobody listens."""
    document = {
        "all": {
            "hosts": {"h1": {"ansible_host": "127.0.0.1", "ansible_port": 1, "ip": "192.0.2.1"}},
            "children": {name: {"hosts": {"h1": {}}} for name in ("kube_control_plane", "etcd", "kube_node")},
        }
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(document))
    return tmp_path


def test_verify_reaches_hosts_as_the_command_line_says(inventory: Path) -> None:
    done = kprov(
        "verify", "-i", str(inventory), "-l", "h1", "-e", "ansible_port=2", "--no-probe", "-o", "json"
    )
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert "127.0.0.1 port 2" in json.dumps(document["results"])


def test_reset_reaches_hosts_as_the_command_line_says(inventory: Path) -> None:
    done = kprov("reset", "--yes", "-i", str(inventory), "-l", "h1", "-e", "ansible_port=2", "-u", "nobody")
    assert done.returncode == 4
    assert "127.0.0.1 port 2" in done.stderr


def test_a_connection_that_is_none_is_refused(inventory: Path) -> None:
    for command in ("verify", "reset"):
        done = kprov(command, "-i", str(inventory), "-c", "smoke")
        assert (done.returncode, "--connection" in done.stderr) == (2, True), done.stderr
