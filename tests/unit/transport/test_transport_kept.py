"""Connections that a run leaves for later ones, and the process that holds them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from kprov.transport import keeper, kept, ssh
from kprov.transport.options import Options, from_variables
from kprov.transport.resumable import Transport
from tests.keepers import end, keepers

from .sshd import Server, summed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a keeper of this test's listens; it ends with the test."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield tmp_path / "kprov"
    end(tmp_path / "kprov")


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def left(options: Options) -> None:
    """A run that has done something on the host and left the connection."""
    (transport,) = ssh.connect(options)
    assert summed(transport, b"a run")
    kept.keep([(options, transport)])
    assert not transport.is_alive()


def taken(options: Options) -> Transport | None:
    chain = ssh.resume(options)
    return chain[0] if chain else None


def test_a_later_run_goes_on_with_it_and_nobody_else_does(folder: Path, server: Server) -> None:
    options = server.options()
    left(options)
    found = taken(options)
    assert found is not None
    assert taken(options) is None
    assert summed(found, os.urandom(100_000))
    kept.keep([(options, found)])
    again = taken(options)
    assert again is not None
    assert summed(again, b"x")
    assert len(server.logins) == 1
    again.close()


def test_one_process_keeps_all(folder: Path, server: Server) -> None:
    for user in ("one", "two", "three"):
        left(server.options(user=user))
    assert len(keepers(folder)) == 1
    assert taken(server.options(user="two")) is not None


@pytest.mark.parametrize(
    "other",
    [
        {"user": "other"},
        {"password": "other"},
        {"keys": ("/k",)},
        {"host_key_alias": "x"},
        {"public_keys": True},
    ],
)
def test_who_would_log_in_otherwise_does(folder: Path, server: Server, other: dict[str, Any]) -> None:
    left(server.options())
    assert taken(server.options(**other)) is None
    assert taken(server.options(name="alias", timeout=3.0, python="python3.12")) is not None


def test_a_host_that_has_closed_it_is_asked_anew(folder: Path, server: Server) -> None:
    options = server.options()
    left(options)
    server.peers[0].close()
    until(lambda: not keepers(folder))
    assert taken(options) is None


def test_it_is_closed_in_time_and_the_keeper_ends(folder: Path, server: Server) -> None:
    options = server.options(persist=0.5)
    left(options)
    assert server.peers[0].is_active()
    until(lambda: not server.peers[0].is_active())
    until(lambda: not keepers(folder))
    assert not (folder / "connections-1").exists()
    left(options)
    assert len(server.logins) == 2


def test_a_killed_keeper_is_replaced(folder: Path, server: Server) -> None:
    options = server.options()
    left(options)
    (keeper,) = keepers(folder)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not keepers(folder))
    assert taken(options) is None
    left(options)
    assert taken(options) is not None


@pytest.mark.parametrize(
    "request_",
    [b"", b"{", b"1", b'{"keep": "x", "seconds": 1}\n{}', b'{"take": []}', b'{"other": 1}', b"x" * 70000],
)
def test_a_request_without_sense_ends_nothing(folder: Path, server: Server, request_: bytes) -> None:
    options = server.options()
    left(options)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(folder / "connections-1"))
        client.send(request_)
        client.settimeout(5)
        assert client.recv(100) in {b"", b"0"}
    assert taken(options) is not None


def test_news_of_a_connection_that_was_just_taken_is_none(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "socket"))
        keeper.Keeper(listening)._serve(listening.fileno() + 1000)


def test_a_host_key_that_is_no_longer_known_is_not_trusted(
    folder: Path, server: Server, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    options = server.options(known_hosts=(str(known),), host_key_checking="accept-new")
    left(options)
    name = f"[127.0.0.1]:{options.port}"
    other = paramiko.ECDSAKey.generate()
    known.write_text(f"{name} {other.get_name()} {other.get_base64()}\n")
    assert taken(options) is None


def test_a_folder_of_somebody_elses_is_not_used(folder: Path, server: Server) -> None:
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    left(server.options())
    assert list(folder.iterdir()) == []
    assert taken(server.options()) is None


def test_nothing_is_left_of_what_nobody_wants_kept(folder: Path, server: Server) -> None:
    options = server.options(persist=0.0)
    chain = ssh.connect(options)
    kept.keep([(options, chain[0])])
    assert chain[0].is_active()
    ssh.close(chain)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ("", 60),
        ("-o ControlPersist=no", 0),
        ("-o ControlMaster=no", 0),
        ("-o ControlMaster=no -o ControlPersist=60s", 0),
        ("-C -o ControlMaster=auto -o ControlPersist=90", 90),
        ("-o ControlPersist=1m30s", 90),
        ("-o ControlPersist=yes", 3600),
        ("-o ControlPersist=2d", 3600),
    ],
)
def test_sshs_own_options_say_how_long(arguments: str, seconds: float) -> None:
    config = paramiko.SSHConfig.from_text("")
    assert from_variables("node1", {"ansible_ssh_args": arguments}, config=config).persist == seconds
