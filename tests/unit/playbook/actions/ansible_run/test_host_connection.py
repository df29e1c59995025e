"""How kprov reaches a host, for OpenSSH: `ssh -G` tells what it reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.playbook.actions.ansible_run.host_connection import describe
from kprov.transport.options.host_options import Options

JUMP = Options("jump", "192.0.2.1", port=2200, user="hop", keys=("/keys/hop",), host_key_checking="no")
TARGET = Options(
    "node",
    "192.0.2.9",
    port=2222,
    user="ops",
    password="hunter2",
    keys=("/keys/my key", "/keys/50%"),
    known_hosts=("/etc/a", "/etc/b c"),
    host_key_alias="alias",
    identities_only=True,
    jumps=(JUMP,),
)


def read_by_ssh(config: Path, host: str) -> dict[str, list[str]]:
    done = subprocess.run(["ssh", "-F", config, "-G", host], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def test_ssh_gets_the_options_of_the_target_and_of_its_jump_host(tmp_path: Path) -> None:
    config = tmp_path / "config"
    describe(TARGET, config)
    target = read_by_ssh(config, "192.0.2.9")
    wanted = {
        "hostname": ["192.0.2.9"],
        "port": ["2222"],
        "user": ["ops"],
        "identityfile": ["/keys/my key", "/keys/50%%"],
        "stricthostkeychecking": ["true"],
        "hostkeyalias": ["alias"],
        "identitiesonly": ["yes"],
        "proxyjump": ["kprov-jump-1"],
    }
    assert {name: target.get(name) for name in wanted} == wanted
    assert target["userknownhostsfile"][0].startswith("/etc/a ")
    jump = read_by_ssh(config, "kprov-jump-1")
    wanted = {
        "hostname": ["192.0.2.1"],
        "port": ["2200"],
        "user": ["hop"],
        "stricthostkeychecking": ["false"],
    }
    assert {name: jump.get(name) for name in wanted} == wanted
    assert "proxyjump" not in jump


def test_the_password_is_a_variable_and_in_no_file_of_ssh(tmp_path: Path) -> None:
    variables = describe(TARGET, tmp_path / "config")
    assert variables["ansible_password"] == "hunter2"
    assert "hunter2" not in (tmp_path / "config").read_text() + variables["ansible_ssh_args"]
    assert (tmp_path / "config").stat().st_mode & 0o777 == 0o600


def test_a_proxy_command_reaches_ssh_as_it_is(tmp_path: Path) -> None:
    options = Options("node", "192.0.2.9", proxy_command="nc -X 5 proxy:1 192.0.2.9 22 # 5%")
    describe(options, tmp_path / "config")
    found = read_by_ssh(tmp_path / "config", "192.0.2.9")
    assert found["proxycommand"] == ["nc -X 5 proxy:1 192.0.2.9 22 # 5%%"]


@pytest.mark.parametrize("text", ['a"b', "a\nProxyCommand x", "a\\b"])
def test_what_a_line_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    for options in (Options("n", text), Options("n", "a", user=text), Options("n", "a", keys=(text,))):
        with pytest.raises(InputError):
            describe(options, tmp_path / "config")


def test_a_local_host_needs_no_ssh(tmp_path: Path) -> None:
    variables = describe(Options("n", "localhost", local=True), tmp_path / "config")
    assert variables == {"ansible_connection": "local", "ansible_python_interpreter": "python3"}
    assert not (tmp_path / "config").exists()
