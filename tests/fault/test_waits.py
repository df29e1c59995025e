"""What makes a run wait: another apt, a slow line, a long task, a clock that is wrong."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import yaml

from tests.fault import slow
from tests.fault.conftest import Break
from tests.fault.hosts import Hosts
from tests.fault.playing import play
from tests.lab.conftest import eventually


def with_variables(hosts: Hosts, folder: Path, host: str, **variables: object) -> Path:
    """The inventory with variables of one host more."""
    copy = folder / "inventory"
    copy.mkdir()
    whole = yaml.safe_load((hosts.inventory / "hosts.yml").read_text())
    whole["all"]["hosts"][host] |= variables
    (copy / "hosts.yml").write_text(yaml.safe_dump(whole))
    return copy


def test_a_package_lock_of_another_apt_is_waited_for_and_then_named(
    hosts: Hosts, broken: Break, tmp_path: Path
) -> None:
    # apt-get has its lock while what it was told to run before dpkg runs.
    broken(
        "node1",
        "apt-get remove -qq -y sl tree; systemd-run --quiet --collect --unit=other-apt "
        "apt-get install -qq -y -o 'DPkg::Pre-Invoke::=sleep 60' sl",
        "systemctl kill -s KILL other-apt; systemctl stop other-apt; systemctl reset-failed other-apt; dpkg --configure -a; apt-get remove -qq -y sl",
    )
    eventually(
        "the other apt's lock",
        lambda: "lock-frontend" in hosts.inside("node1", "lslocks -n -o PATH,COMMAND", check=False),
        timeout=30,
    )
    package = {"name": "tree", "state": "present", "lock_timeout": 2}
    said = play(hosts, tmp_path, [{"name": "A package", "apt": package}])

    assert said.code == 1
    error = said.error("node1")
    assert error["task"] == "A package"
    assert re.search(
        r"/var/lib/dpkg/lock(-frontend)? is held by process \d+ \(apt-get\) for more than 2 s",
        error["message"],
    )
    assert "node1: A package" in said.text
    assert said.report["hosts"]["node2"]["failed"] == 0


LOSS = """table inet fault {
  chain in { type filter hook input priority 0; tcp dport 22 numgen random mod 100 < 5 drop; }
}"""


def through(port: int, hosts: Hosts) -> dict[str, object]:
    """The variables of node1 behind a relay."""
    address = {"ansible_host": "127.0.0.1", "ansible_port": port}
    ways = yaml.safe_load((hosts.inventory / "hosts.yml").read_text())["all"]["vars"][
        "ansible_ssh_common_args"
    ]
    return {**address, "ansible_ssh_common_args": f"{ways} -o HostKeyAlias={hosts.address('node1')}"}


def test_a_very_slow_host_is_worked_on(hosts: Hosts, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.addfinalizer(lambda: hosts.network("node1", "nft delete table inet fault"))
    hosts.network("node1", f"nft -f - <<'END'\n{LOSS}\nEND")
    with slow.relay(hosts.address("node1"), 1.0) as port:
        inventory = with_variables(hosts, tmp_path, "node1", **through(port, hosts))
        start = time.monotonic()
        said = play(hosts, tmp_path, [{"name": "Work", "command": "true"}], inventory=inventory, timeout=240)
    assert said.code == 0, said.text
    assert time.monotonic() - start > 8


def test_a_host_too_slow_for_the_connect_timeout_is_named_with_it(hosts: Hosts, tmp_path: Path) -> None:
    with slow.relay(hosts.address("node1"), 60) as port:
        inventory = with_variables(hosts, tmp_path, "node1", ansible_timeout=3, **through(port, hosts))
        said = play(hosts, tmp_path, [{"name": "Work", "command": "true"}], inventory=inventory)
    assert said.code == 4
    error = said.error("node1")
    assert (error["task"], error["outcome"]) == ("Work", "unreachable")
    assert re.search(r"(sent nothing for|took longer than) 15 s: .*very slow", error["message"]), error
    assert said.report["hosts"]["node2"]["changed"] == 1


@pytest.mark.parametrize("words", ["sleep 8", "sh -c 'for n in 1 2 3 4; do sleep 2; echo still here; done'"])
def test_a_long_task_is_not_taken_for_a_lost_host(hosts: Hosts, tmp_path: Path, words: str) -> None:
    # Lost after 4 s of silence.
    whole = yaml.safe_load((hosts.inventory / "hosts.yml").read_text())
    ways = (
        whole["all"]["vars"]["ansible_ssh_common_args"] + " -o ServerAliveInterval=1 -o ServerAliveCountMax=4"
    )
    inventory = with_variables(hosts, tmp_path, "node1", ansible_ssh_common_args=ways)
    said = play(
        hosts, tmp_path, [{"name": "Long", "command": words}], "--limit", "node1", inventory=inventory
    )
    assert said.code == 0, said.text
    assert "lost" not in said.text
