"""What a user gets for mistakes: a message that names the place, the exit code 2, and never an internal error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kprov.cli.main import escape_controls

PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n"
CLUSTER = """all:
  children:
    kube_control_plane: {hosts: {n1: {ansible_host: 192.0.2.1}}}
    etcd: {hosts: {n1: }}
    kube_node: {hosts: {n1: }}
"""


def kprov(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kprov.cli.main", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=folder, timeout=60,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "HOME": str(folder)},
    )  # fmt: skip


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("task", "code", "message"),
    [
        ("{debug: {msg: '{{ range(10**9) | list }}'}}", 1, "more than 1,000,000 entries"),
        ("{debug: {msg: '{{ 10 ** 5000 }}'}}", 1, "more than 4300 digits"),
        ("{include_tasks: self.yml}", 1, "self.yml:1: includes are nested more than 50 levels deep"),
        ("{command: echo, async: 1e400, poll: 1}", 1, "p.yml:4: async: must be a whole number"),
        ("{command: cat /nowhere, retries: .inf, until: false, delay: 0}", 1, "p.yml:4: retries: must be"),
        ("{command: echo, throttle: .inf}", 2, "p.yml:4: throttle: must be a whole number"),
        ("{pause: {seconds: 1e400}}", 1, "is longer than"),
        ('{command: "echo a\\0b"}', 1, "'echo a\\x00b' has a NUL character"),
        ('{command: echo, delegate_to: "a\\0b"}', 1, "'a\\x00b' is no name of a host"),
        ('{command: echo, become: true, become_user: "a\\0b"}', 1, "'a\\x00b' is no name of a user"),
        ("{debug: {msg: \"{{ lookup('file', '/dev/zero') }}\"}}", 1, "/dev/zero: is a device"),
    ],
)
def test_a_task_with_a_value_without_bounds_fails_alone(
    tmp_path: Path, task: str, code: int, message: str
) -> None:
    write(tmp_path / "inv", "h1 ansible_connection=local\n")
    write(tmp_path / "self.yml", "- include_tasks: self.yml\n")
    write(tmp_path / "p.yml", f"{PLAY}    - {task}\n")
    done = kprov(tmp_path, "play", "p.yml", "-i", "inv")
    assert done.returncode == code, done.stdout + done.stderr
    assert message in " ".join((done.stdout + done.stderr).split())


def test_a_template_in_hosts_is_named_with_its_place(tmp_path: Path) -> None:
    write(tmp_path / "p.yml", "- hosts: '{{ nosuch }}'\n  tasks: []\n")
    done = kprov(tmp_path, "play", "p.yml", "-i", "a,")
    assert (done.returncode, done.stderr) == (
        2, f"error: {tmp_path}/p.yml:1: hosts: 'nosuch' is undefined, in '{{{{ nosuch }}}}'\n"
    )  # fmt: skip


def test_a_syntax_check_needs_no_inventory_but_a_run_does(tmp_path: Path) -> None:
    write(tmp_path / "p.yml", f"{PLAY}    - debug:\n")
    assert kprov(tmp_path, "play", "p.yml", "--syntax-check").returncode == 0
    done = kprov(tmp_path, "play", "p.yml")
    assert done.returncode == 2
    assert "-i names the inventory" in done.stderr


def test_a_destructive_command_without_a_terminal_names_its_option(tmp_path: Path) -> None:
    done = kprov(tmp_path, "reset", "-i", str(write(tmp_path / "hosts.yml", CLUSTER)))
    assert done.returncode == 2
    assert "there is no terminal to ask, and the input has no answer; --yes agrees" in done.stderr


def test_inventory_check_has_variables_of_the_command_line(tmp_path: Path) -> None:
    inventory = str(write(tmp_path / "hosts.yml", CLUSTER))
    assert kprov(tmp_path, "inventory", "check", "-i", inventory).returncode == 0
    done = kprov(tmp_path, "inventory", "check", "-i", inventory, "-e", "kube_pods_subnet=nonsense")
    assert done.returncode == 2
    assert "error: --extra-vars: kube_pods_subnet" in done.stdout


def test_of_two_files_that_set_a_variable_the_one_with_precedence_is_named(tmp_path: Path) -> None:
    inventory = str(write(tmp_path / "hosts.yml", CLUSTER))
    write(tmp_path / "group_vars/all.yml", "kube_service_addresses: 10.96.0.0/16\n")
    write(tmp_path / "group_vars/k8s_cluster.yml", "\nkube_service_addresses: nonsense\n")
    done = kprov(tmp_path, "inventory", "check", "-i", inventory)
    assert done.returncode == 2
    assert f"error: {tmp_path}/group_vars/k8s_cluster.yml:2: kube_service_addresses" in done.stdout


def test_values_that_only_yaml_has_are_listed(tmp_path: Path) -> None:
    inventory = write(tmp_path / "h.yml", "all: {hosts: {h1: {s: !!set {a}, b: !!binary aGk=}}}\n")
    done = kprov(tmp_path, "inventory", "host", "h1", "-i", str(inventory))
    assert done.returncode == 0, done.stderr
    assert '"b": "hi"' in done.stdout


@pytest.mark.parametrize("seconds", ["nan", "inf", "-5", "0"])
def test_a_timeout_that_no_socket_takes_is_refused(tmp_path: Path, seconds: str) -> None:
    write(tmp_path / "p.yml", f"{PLAY}    - ping:\n")
    done = kprov(tmp_path, "play", "p.yml", "-i", "a,", "--timeout", seconds)
    assert done.returncode == 2
    assert "--timeout: must be seconds between 0 and 86400" in done.stderr


def test_a_name_that_no_file_can_have_is_an_error_of_the_input(tmp_path: Path) -> None:
    done = kprov(tmp_path, "inventory", "list", "-i", "x" * 300)
    assert done.returncode == 2
    assert "File name too long" in done.stderr


def test_control_characters_of_a_message_are_visible() -> None:
    assert escape_controls("a\0b\x1b[31m\n\té") == "a\\x00b\\x1b[31m\n\té"


@pytest.mark.parametrize("tasks", ["import_tasks: {}.yml", "import_role: {{name: {}}}"])
def test_a_name_that_is_too_long_for_a_file_is_a_short_message(tmp_path: Path, tasks: str) -> None:
    write(tmp_path / "p.yml", f"{PLAY}    - {tasks.format('x' * 5000)}\n")
    done = kprov(tmp_path, "play", "p.yml", "-i", "localhost,", "-c", "local")
    assert done.returncode == 2
    assert done.stderr.endswith("...: File name too long\n")
    assert len(done.stderr) < 500
    assert "traceback" not in done.stderr
