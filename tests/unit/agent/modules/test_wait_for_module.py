"""wait_for, getent, ping: what is there at once."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.modules import wait_for

Do = Callable[..., dict[str, Any]]


def test_a_file_that_says_it_ends_the_wait(do: Do, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("one\nversion 12\n")
    found = do("wait_for", path=str(path), search_regex=r"^version (?P<number>\d+)$", timeout=5)
    assert (found["match_groups"], found["match_groupdict"]) == (["12"], {"number": "12"})
    assert do("wait_for", path=str(tmp_path / "none"), state="absent")["elapsed"] == 0


def test_a_port_that_answers_ends_the_wait(do: Do) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert do("wait_for", port=port, timeout=5)["state"] == "started"
    assert not do("wait_for", port=port, state="stopped", timeout=5).get("failed")
    assert not do("wait_for", port=port, state="drained", timeout=5).get("failed")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"port": 1, "timeout": 0}, "Timeout when waiting for 127.0.0.1:1"),
        ({"path": "/none", "timeout": 0}, "Timeout when waiting for file /none"),
        ({"path": "/none", "timeout": 0, "msg": "mine"}, "mine"),
        ({"path": "/", "timeout": 0, "state": "absent"}, "Timeout when waiting for / to be absent."),
        ({"path": "/", "port": 1}, "port and path parameter can not both be passed to wait_for"),
        (
            {"search_regex": "("},
            "Invalid regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            {"path": "/", "state": "drained"},
            "state=drained should only be used for checking a port in the wait_for module",
        ),
        ({"port": 1, "exclude_hosts": ["a"]}, "exclude_hosts should only be with state=drained"),
    ],
)
def test_failures_have_ansibles_texts(do: Do, args: dict[str, Any], text: str) -> None:
    assert do("wait_for", **args)["msg"] == text


def test_check_mode_does_not_wait(do: Do) -> None:
    assert do("wait_for", port=1, check=True)["skipped"]


def test_addresses_are_as_the_kernel_prints_them() -> None:
    assert wait_for._resolve_addresses("127.0.0.1") == ["0100007F", "0000000000000000FFFF00000100007F"]


def test_getent_tells_entries_by_key(do: Do) -> None:
    root = do("getent", database="passwd", key="root")["ansible_facts"]["getent_passwd"]["root"]
    assert root[1] == "0"
    assert do("getent", database="passwd", key="kprov-nobody")["failed"]
    allowed = do("getent", database="passwd", key="kprov-nobody", fail_key=False)
    assert allowed["ansible_facts"] == {"getent_passwd": {"kprov-nobody": None}}


def test_ping_answers(do: Do) -> None:
    assert do("ping")["ping"] == "pong"
    assert do("ping", data="crash")["failed"]
