"""The program as a user sees it: commands, messages, exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from kprov.cli.main import COMMANDS, build_program
from kprov.errors import InputError


def kprov(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kprov.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_help_names_every_command_and_imports_none() -> None:
    code = "import sys; from kprov.cli import main; sys.argv = ['kprov', '--help']; main.main()"
    look = f"import atexit, sys; atexit.register(lambda: print(sorted(m for m in sys.modules if m.startswith('kprov'))))\n{code}"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.returncode == 0
    for name, (_, help_line) in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert help_line in done.stdout
    assert (
        "['kprov', 'kprov.cli', 'kprov.cli.main', 'kprov.cli.options', 'kprov.cli.options.help_panels', 'kprov.cli.options.operator_paths', 'kprov.cli.output', 'kprov.cli.output.control_characters', 'kprov.cli.output.standard_streams', 'kprov.errors']"
        in done.stdout
    )


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_its_help(name: str) -> None:
    module = import_module(COMMANDS[name][0])
    assert hasattr(module, "app") or hasattr(module, "command")
    result = CliRunner().invoke(build_program([name]), [name, "--help"])
    assert result.exit_code == 0, result.output


def test_options_stand_in_sections_by_what_they_concern() -> None:
    shown = CliRunner().invoke(build_program(["play"]), ["play", "--help"]).output
    titles = ["Arguments:", "Options:", "Connection:", "Vault:"]
    assert [line for line in shown.splitlines() if line in titles] == titles
    assert shown.index("Vault:") < shown.index("--vault-id")
    assert shown.index("Connection:") < shown.index("--become-user") < shown.index("Vault:")


def test_an_error_is_one_message_and_its_exit_code_without_a_traceback(tmp_path: Path) -> None:
    done = kprov("certs", "list", "-i", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path}/none: the inventory does not exist\n"


def test_python_runs_the_package_as_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kprov", "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: python -m kprov [OPTIONS] COMMAND [ARGS]..." in done.stdout


def test_an_unknown_command_is_bad_input() -> None:
    assert kprov("frobnicate").returncode == 2


def init(*arguments: str) -> None:
    result = CliRunner().invoke(build_program(["init"]), ["init", *arguments])
    if result.exception:
        raise result.exception


def test_init_writes_an_inventory_with_an_odd_etcd(tmp_path: Path) -> None:
    hosts = [f"--host=h{number}=192.0.2.{number}" for number in range(1, 5)]
    init(
        str(tmp_path), *hosts, "--control-plane=h1", "--control-plane=h2", "--user=admin", "--vip=192.0.2.100"
    )
    document = yaml.safe_load((tmp_path / "hosts.yml").read_text())["all"]
    assert document["hosts"]["h4"] == {"ansible_host": "192.0.2.4"}
    assert document["vars"] == {"ansible_user": "admin", "ansible_become": True}
    groups = {name: list(group["hosts"]) for name, group in document["children"].items()}
    assert groups == {
        "kube_control_plane": ["h1", "h2"],
        "etcd": ["h1"],
        "kube_node": ["h1", "h2", "h3", "h4"],
    }
    assert yaml.safe_load((tmp_path / "group_vars/all.yml").read_text())["kube_vip_address"] == "192.0.2.100"


def test_init_overwrites_only_with_force(tmp_path: Path) -> None:
    init(str(tmp_path), "--host=192.0.2.1")
    with pytest.raises(InputError, match="already exists; --force overwrites it"):
        init(str(tmp_path), "--host=192.0.2.2")
    init(str(tmp_path), "--host=192.0.2.2", "--force")
    assert "192.0.2.2" in (tmp_path / "hosts.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--host: at least one host is needed"),
        (("--host=1.2.3",), "--host 1.2.3: must be an IP address such as 192.0.2.10, not '1.2.3'"),
        (("--host=192.0.2.1", "--host=192.0.2.1"), "several hosts have the address 192.0.2.1"),
        (("--host=192.0.2.1", "--control-plane=x"), "--control-plane: x is not one of the hosts: node1"),
        (("--host=192.0.2.1", "--vip=192.0.2.1"), "--vip: 192.0.2.1 is the address of a host"),
        (
            ("--host=192.0.2.1", "--pod-cidr=10.233.0.0/16"),
            "--service-cidr: 10.233.0.0/18 overlaps the pods'",
        ),
        (("--host=10.233.1.1",), "is inside the services' network 10.233.0.0/18"),
    ],
)
def test_init_says_which_flag_is_wrong_and_writes_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        init(str(tmp_path / "new"), *arguments)
    assert message in str(refused.value)
    assert not (tmp_path / "new").exists()


CLUSTER = """all:
  vars: {ansible_host: 127.0.0.1, ansible_port: 1}
  hosts: {a: {ip: 192.0.2.1, ansible_port: 2}, b: {ip: 192.0.2.2, ansible_port: 3}, c: {ip: 192.0.2.3}}
  children:
    kube_control_plane: {hosts: {a: }}
    etcd: {hosts: {a: }}
    kube_node: {hosts: {a: , b: , c: }}
"""


@pytest.mark.parametrize(
    ("limit", "named"),
    [([], "a, b, c"), (["-l", "b"], "b"), (["-l", "kube_node:!a"], "b, c"), (["-l", "c,a"], "a, c")],
)
def test_reset_asks_about_exactly_the_hosts_that_it_resets(
    tmp_path: Path, limit: list[str], named: str
) -> None:
    (tmp_path / "hosts.yml").write_text(CLUSTER)
    asked = kprov("reset", "-i", str(tmp_path), *limit)
    assert f"Remove the cluster and all its data from {named}? [y/N]" in asked.stdout
    assert asked.returncode == 2


@pytest.mark.parametrize("command", ["up", "plan", "reset", "verify"])
def test_a_limit_with_an_unknown_host_is_bad_input(tmp_path: Path, command: str) -> None:
    (tmp_path / "hosts.yml").write_text(CLUSTER)
    done = kprov(command, "-i", str(tmp_path), "-l", "b,d")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --limit: there is no host or group 'd' in the inventory\n"
