"""Messages to real agents on this machine, and what becomes of them when the connection is lost."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import NoPythonError
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Options
from tests import processes


@pytest.fixture
def notices() -> list[str]:
    return []


#: Between kprov and the agent: when it is killed, both ends see what they see when a network breaks.
RELAY = f"""#!{sys.executable} -IS
import os, subprocess, sys, threading
agent = subprocess.Popen(["python3", *sys.argv[1:]], stdin=-1, stdout=-1, start_new_session=True)
open(sys.argv[0] + ".pid", "w").write(str(os.getpid()))
def pump():
    while part := os.read(0, 65536):
        os.write(agent.stdin.fileno(), part)
    os.close(agent.stdin.fileno())
threading.Thread(target=pump, daemon=True).start()
while part := os.read(agent.stdout.fileno(), 65536):
    os.write(1, part)
"""


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    path = tmp_path / "relay"
    path.write_text(RELAY)
    path.chmod(0o700)
    return path


@pytest.fixture
def here(notices: list[str], relay: Path) -> Iterator[Connections]:
    options = Options(name="here", address="localhost", local=True, python=str(relay))
    with Connections(lambda _: options, lambda _, text: notices.append(text)) as connections:
        yield connections


def test_a_file_that_was_changed_meanwhile_is_refused(tmp_path: Path, here: Connections) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 2_000_000)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    source.write_bytes(b"y" * 2_000_000)
    (tmp_path / "a").write_text("before")
    item = {"args": {"dest": str(tmp_path / "a"), "_sha256": sha256}}
    (result,) = here.get("here").agent().run("copy", [item], {sha256: source})
    assert result["failed"]
    assert result["msg"] == "Copied file does not match the expected checksum. Transfer failed."
    assert (tmp_path / "a").read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "source", "relay", "relay.pid"}


def line(text: str) -> dict[str, Any]:
    return {"args": {"cmd": text, "_shell": True}}


def lose(relay: Path, flag: Path) -> threading.Thread:
    """Break the connection once a task writes into the flag, a FIFO."""
    os.mkfifo(flag)

    def kill() -> None:
        flag.read_bytes()
        os.kill(int(relay.with_name("relay.pid").read_text()), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_an_agent_does_tasks_and_asks_for_large_contents(tmp_path: Path, here: Connections) -> None:
    data = b"x" * 2_000_000
    sha256 = hashlib.sha256(data).hexdigest()
    agent = here.get("here").agent()
    items = [{"args": {"dest": str(tmp_path / name), "_sha256": sha256}} for name in ("a", "b")]
    results = agent.run("copy", items, {sha256: data})
    assert [result["changed"] for result in results] == [True, True]
    assert (tmp_path / "b").read_bytes() == data
    assert agent.run("ping", [{"args": {}}])[0]["ping"] == "pong"


def test_a_host_without_python_has_its_own_error() -> None:
    options = Options(name="here", address="localhost", local=True, python="no-such-python")
    with Connections(lambda _: options) as connections, pytest.raises(NoPythonError, match=r"Python 3\.9"):
        connections.get("here").agent()


def test_a_task_that_outlives_its_connection_is_done_once(
    tmp_path: Path, relay: Path, here: Connections, notices: list[str]
) -> None:
    lost = lose(relay, tmp_path / "flag")
    items = [line(f"echo x > {tmp_path}/flag; echo once >> {tmp_path}/log; sleep 0.3; cat {tmp_path}/log")]
    result = here.get("here").agent().run("command", items)[0]
    lost.join()
    assert result["stdout"] == "once"
    assert "connecting again" in notices[0]


def test_items_that_had_not_begun_are_done_after_the_loss(
    tmp_path: Path, relay: Path, here: Connections
) -> None:
    lost = lose(relay, tmp_path / "flag")
    lines = ["echo 0", f"echo x > {tmp_path}/flag; sleep 0.2; echo 1", "echo 2", "echo 3"]
    results = here.get("here").agent().run("command", [line(text) for text in lines])
    lost.join()
    assert [result["stdout"] for result in results] == ["0", "1", "2", "3"]


def test_an_agent_that_dies_fails_the_item_it_did_and_no_other(here: Connections) -> None:
    agent = here.get("here").agent()
    pid = agent._hello["hello"]
    results = agent.run("command", [line("echo 0"), line(f"kill -{signal.SIGKILL} {pid}"), line("echo 2")])
    assert [result.get("stdout") for result in results] == ["0", None, "2"]
    assert "item 2 of 3" in results[1]["msg"]


def test_a_message_that_only_reads_is_sent_again(tmp_path: Path, relay: Path, here: Connections) -> None:
    lost = lose(relay, tmp_path / "flag")
    agent = here.get("here").agent()
    os.close(os.open(tmp_path / "flag", os.O_WRONLY))
    lost.join()
    assert agent.run("stat", [{"args": {"path": str(tmp_path)}}])[0]["stat"]["isdir"]


def test_a_clean_end_ends_the_running_program(tmp_path: Path, here: Connections) -> None:
    agent = here.get("here").agent()
    flag = tmp_path / "flag"
    os.mkfifo(flag)
    seen: list[str] = []

    def work() -> None:
        try:
            agent.run("command", [line(f"echo $$ > {flag}; exec sleep 60")])
        except Exception as error:
            seen.append(str(error))

    worker = threading.Thread(target=work)
    worker.start()
    pid = int(flag.read_text())
    here.close()
    worker.join()
    assert "the connection was lost" in seen[0]
    processes.await_end(pid)
