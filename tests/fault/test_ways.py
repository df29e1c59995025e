"""Ways to a host that are cut, changed or narrow: named with what to do, and others go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault.conftest import Break
from tests.fault.hosts import Hosts
from tests.fault.playing import play

RESTART = "systemctl reset-failed ssh && systemctl restart ssh"


def test_a_changed_host_key_names_file_and_line_and_what_to_do(
    hosts: Hosts, broken: Break, tmp_path: Path
) -> None:
    broken(
        "node1",
        f"cp -a /etc/ssh /root/fault-ssh && rm /etc/ssh/ssh_host_*_key* && ssh-keygen -q -A && {RESTART}",
        f"cp -a /root/fault-ssh/. /etc/ssh/ && rm -r /root/fault-ssh && {RESTART}",
    )
    said = play(hosts, tmp_path, [{"name": "Work", "command": "true"}])

    assert said.code == 4
    error = said.error("node1")
    assert error["task"] == "Work"
    known = re.search(r"UserKnownHostsFile=(\S+)", (hosts.inventory / "hosts.yml").read_text())
    assert known
    line = next(
        n
        for n, text in enumerate(Path(known[1]).read_text().splitlines(), 1)
        if hosts.address("node1") in text
    )
    assert (
        f"the host key of {hosts.address('node1')} has changed: {known[1]}:{line} has SHA256:"
        in error["message"]
    )
    assert f"remove the old key: ssh-keygen -f {known[1]} -R {hosts.address('node1')}" in error["message"]
    assert "node1: Work" in said.text
    assert said.report["hosts"]["node2"]["changed"] == 1


@pytest.fixture
def node2_off(hosts: Hosts) -> Iterator[Hosts]:
    """node2 without power; it has it again afterwards."""
    hosts.kill("node2")
    try:
        yield hosts
    finally:
        hosts.start("node2")


def test_a_host_that_is_off_is_named_the_others_finish_and_resume_gives_it_its_part(
    node2_off: Hosts, tmp_path: Path
) -> None:
    hosts = node2_off
    hosts.inside("node1", "rm -f /root/fault-*")
    tasks: list[dict[str, Any]] = [
        {"name": "First", "command": "true"},
        {"name": "Count", "shell": "echo once >> /root/fault-count"},
        {"name": "Last", "copy": {"content": "here\n", "dest": "/root/fault-last"}, "notify": "Told"},
    ]
    handlers = [{"name": "Told", "command": "touch /root/fault-told"}]
    said = play(hosts, tmp_path, tasks, handlers=handlers)
    assert said.code == 4
    error = said.error("node2")
    assert (error["task"], error["outcome"]) == ("First", "unreachable")
    assert hosts.address("node2") in error["message"]
    assert said.report["hosts"]["node1"]["changed"] == 4
    assert "node2: First" in said.text

    hosts.start("node2")
    again = hosts.kprov("resume", "-i", hosts.inventory)
    look = "cat /root/fault-count /root/fault-last; ls /root/fault-told; rm /root/fault-*"
    assert again.returncode == 0, again.stdout + again.stderr
    for host in ("node1", "node2"):
        assert hosts.inside(host, look) == "once\nhere\n/root/fault-told\n"


@pytest.mark.parametrize("limit", ["MaxSessions 1", "MaxStartups 1:100:1"])
def test_a_narrow_sshd_is_enough(hosts: Hosts, broken: Break, tmp_path: Path, limit: str) -> None:
    broken(
        "node1",
        f"mkdir -p /etc/ssh/sshd_config.d && cp -a /etc/ssh/sshd_config /root/fault-sshd && sed -i '1i {limit}' "
        f"/etc/ssh/sshd_config && {RESTART}",
        f"cp -a /root/fault-sshd /etc/ssh/sshd_config && rm /root/fault-sshd && {RESTART}",
    )
    # Three names of one host come at once, and two users on each.
    whole = yaml.safe_load((hosts.inventory / "hosts.yml").read_text())
    for name in ("other", "third"):
        whole["all"]["hosts"][name] = {"ansible_host": hosts.address("node1")}
    copy = tmp_path / "inventory"
    copy.mkdir()
    (copy / "hosts.yml").write_text(yaml.safe_dump(whole))
    tasks: list[dict[str, Any]] = [
        {"name": "As root", "command": "id -un"},
        {"name": "As a user", "command": "id -un", "become": False, "vars": {"ansible_become": False}},
    ]
    said = play(hosts, tmp_path, tasks, inventory=copy)
    assert said.code == 0, said.text
