"""Connections that are closed, lost or refused, and agents that are killed, against real sshd."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kprov.errors import UnreachableError
from kprov.transport.options.host_options import Become

from .conftest import ROOT, Lab, eventually
from .ways import connections, lab_key, line, variables, who

SSHD_OF_USER = "^sshd-session: kprov@notty"


def established(port: str) -> bool:
    """Whether this machine has an open TCP connection from a port."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{int(port):04X}") and row[3] == "01" for row in rows)


def test_a_run_closes_its_connection(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    with connections(values) as made:
        command = line("echo $SSH_CONNECTION")
        port = made.get("node1").agent().run("command", [command])[0]["stdout"].split()[1]
        assert established(port)
    assert not established(port)


def test_content_larger_than_a_window_arrives(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    large = os.urandom(3 << 20)
    sha = hashlib.sha256(large).hexdigest()
    item = {"args": {"dest": "/tmp/kprov-large", "_sha256": sha}}
    with connections(values) as made:
        assert made.get("node1").agent().run("copy", [item], {sha: large})[0]["changed"]
    assert lab.ssh("node1", "sha256sum </tmp/kprov-large; rm /tmp/kprov-large").split()[0] == sha


@contextlib.contextmanager
def soon(lab: Lab, command: str, delay: float) -> Iterator[None]:
    """A command on node1 a little later; it is over when the block is, and meets no other test."""
    timer = threading.Timer(delay, lambda: lab.ssh("node1", command, check=False))
    timer.start()
    try:
        yield
    finally:
        timer.join()


def agents(lab: Lab) -> str:
    return lab.ssh("node1", "pgrep -f '[K]PROV1' || true; ls /run/kprov | grep session || true").strip()


def no_agents(lab: Lab) -> None:
    """One that was told goodbye may still be ending."""
    eventually("the end of all agents", lambda: not agents(lab), timeout=30)


@pytest.fixture
def fresh(lab: Lab) -> Lab:
    """Nothing of earlier agents on node1."""
    lab.ssh("node1", "rm -f /run/kprov/session-*")
    return lab


def kill(pattern: str) -> str:
    # The oldest is not the connection over which this command comes. Numbers of processes start again.
    return f"for p in $(pgrep --oldest -f {shlex.quote(pattern)}); do kill -9 $p; done"


def test_a_task_goes_on_when_its_connection_is_cut(fresh: Lab) -> None:
    notices: list[str] = []
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    with connections(values, notices=notices) as made:
        agent = made.get("node1").agent(Become())
        # The task itself cuts it: whoever comes from elsewhere to do so may come too late.
        cut = f"pkill -KILL -f {shlex.quote(SSHD_OF_USER)}"
        items = [
            line("rm -f /tmp/t; echo a >> /tmp/t"),
            line(f"{cut}; sleep 1; echo b >> /tmp/t"),
            line("cat /tmp/t"),
        ]
        results = agent.run("command", items)
        assert results[2]["stdout"] == "a\nb"
        assert "connecting again" in notices[0]
    no_agents(fresh)


def test_an_agent_that_is_killed_fails_its_item(fresh: Lab) -> None:
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    with connections(values) as made:
        agent = made.get("node1").agent(Become())
        results = agent.run("command", [line("echo 0"), line("kill -9 $PPID"), line("echo 2")])
        assert [result.get("stdout") for result in results] == ["0", None, "2"]
        assert "died while it ran command in item 2 of 3" in results[1]["msg"]
    no_agents(fresh)


def test_a_connection_that_falls_silent_is_lost(fresh: Lab) -> None:
    """As behind a jump host whose plug was pulled: nothing is closed, and the old agent notices nothing."""
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    values["ansible_ssh_extra_args"] = "-o ServerAliveInterval=1 -o ServerAliveCountMax=2"
    notices: list[str] = []
    find = f"p=$(pgrep --oldest -f {shlex.quote(SSHD_OF_USER)})"
    with connections(values, notices=notices) as made:
        agent = made.get("node1").agent(Become())
        stop = f"(sleep 0.5; {find}; kill -STOP $p; sleep 6; kill -KILL $p) >/dev/null 2>&1 &"
        lines = [
            stop + " sleep 4; echo a > /tmp/kprov-silent",
            "echo b >> /tmp/kprov-silent; cat /tmp/kprov-silent",
        ]
        results = agent.run("command", [line(text) for text in lines])
        assert results[1]["stdout"] == "a\nb"
        assert "no answer for" in notices[0]
        agent.run("command", [line("rm /tmp/kprov-silent")])
    no_agents(fresh)


def test_a_content_on_its_way_is_sent_again(fresh: Lab, tmp_path: Path) -> None:
    data = os.urandom(160 << 20)
    (tmp_path / "data").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    with connections(values) as made:
        agent = made.get("node1").agent(Become())
        item = {"args": {"dest": "/tmp/kprov-big", "_sha256": sha256}}
        with soon(fresh, kill(SSHD_OF_USER), 0.2):
            result = agent.run("copy", [item], {sha256: tmp_path / "data"})[0]
        assert result["changed"], result
        assert fresh.ssh(
            "node1", "sha256sum </tmp/kprov-big; ls -a /tmp | grep '^.kprov-' || true; rm /tmp/kprov-big"
        ).split() == [
            sha256,
            "-",
        ]
    # The record may stay: on a fast line the connection is cut when the answer is there already.
    eventually(
        "the end of all agents",
        lambda: not [word for word in agents(fresh).split() if word.isdigit()],
        timeout=30,
    )


#: A kprov of its own: variables, then lines to run in one message.
PROGRAM = """
import sys
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Become
from kprov.transport.options.variables import read_options
with Connections(lambda host: read_options(host, eval(sys.argv[1]))) as made:
    agent = made.get("node1").agent(Become())
    agent.run("command", [{"args": {"cmd": text, "_shell": True}} for text in sys.argv[2:]])
"""


def other_kprov(lab: Lab, *lines: str) -> subprocess.Popen[bytes]:
    """Started, and its agent at work on the first line."""
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    lab.ssh("node1", "rm -f /tmp/kprov-begun")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, repr(values), "touch /tmp/kprov-begun; " + lines[0], *lines[1:]],
        cwd=ROOT,
    )
    eventually("its agent at work", lambda: lab.ssh("node1", "ls /tmp/kprov-begun", check=False), timeout=30)
    return process


def test_kprov_that_is_killed_leaves_no_agent(fresh: Lab) -> None:
    # It is killed in the first line, however long that takes.
    lines = (
        "until test -e /tmp/kprov-killed; do sleep 0.1; done; echo whole > /tmp/kprov-whole",
        "touch /tmp/kprov-next",
    )
    fresh.ssh("node1", "rm -f /tmp/kprov-killed /tmp/kprov-whole /tmp/kprov-next")
    with other_kprov(fresh, *lines) as process:
        process.kill()
    fresh.ssh("node1", "touch /tmp/kprov-killed")
    running = "pgrep -f '[K]PROV1' || true"
    eventually("the agent's end", lambda: not fresh.ssh("node1", running), timeout=30)
    assert fresh.ssh("node1", "cat /tmp/kprov-whole; ls /tmp/kprov-next", check=False) == "whole\n"
    fresh.ssh("node1", "rm /tmp/kprov-killed /tmp/kprov-whole")


def test_two_runs_take_turns(lab: Lab) -> None:
    values, notices = variables(lab, ansible_ssh_private_key_file=lab_key(lab)), list[str]()

    def let_go() -> None:
        eventually("being told to wait", lambda: notices)
        lab.ssh("node1", "touch /tmp/turn-over")

    waits = "for n in $(seq 600); do test -e /tmp/turn-over && break; sleep 0.1; done"
    with (
        other_kprov(lab, f"echo 1 > /tmp/turn; {waits}; echo 2 >> /tmp/turn"),
        connections(values, notices=notices) as made,
        ThreadPoolExecutor() as beside,
    ):
        other_ends = beside.submit(let_go)
        look = line("cat /tmp/turn; rm /tmp/turn /tmp/turn-over")
        result = made.get("node1").agent(Become()).run("command", [look])[0]
        other_ends.result()
    assert result["stdout"] == "1\n2"
    assert "another kprov is at work" in notices[0]


def test_a_host_without_space_or_with_read_only_disks_takes_the_agent(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    full = "mount -t tmpfs -o size=4k,mode=755 t /root/.cache; "
    hidden = "mkdir -p /root/.cache /var/tmp; for d in /var/tmp /dev/shm /run/kprov; do mkdir -p $d; mount -t tmpfs -o ro t $d; done"
    lab.ssh("node1", "mkdir -p /root/.cache; " + full + hidden)
    try:
        with connections(values) as made:
            result = made.get("node1").agent(Become()).run("command", [{"args": {"cmd": "id -un"}}])[0]
            assert result["stdout"] == "root"
    finally:
        # An agent may still be ending in them.
        lab.ssh("node1", "umount -l /root/.cache /var/tmp /dev/shm /run/kprov")


def test_hosts_that_do_not_answer(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    with (
        connections({**values, "ansible_port": 1}) as made,
        pytest.raises(UnreachableError, match=r"port 1.*refused"),
    ):
        made.get("node1").agent()
    with pytest.raises(UnreachableError, match="cannot resolve the name"):
        who({**values, "ansible_host": "no.such.host.invalid"})
