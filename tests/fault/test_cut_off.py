"""A connection that ends while it is being made, before anything was done, is made again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fault.hosts import Hosts
from tests.fault.playing import play
from tests.lab.conftest import eventually

#: Kills the first new session of sshd that it sees, at one of three points: before, in and after the login.
KILLER = """
before=$(pgrep -f '^sshd-session: ' | sort); touch /run/fault-killer
until now=$(pgrep -f '{pattern}' | sort) && new=$(printf '%s\n' "$now" | grep -vxF "${{before:-none}}"); do sleep 0.002; done
kill -KILL $new; echo killed
"""
POINTS = {"in the login": "^sshd-session: .*\\[priv\\]", "after it": "^sshd-session: kprov@notty"}


@pytest.mark.parametrize("point", POINTS)
def test_a_session_killed_at_its_beginning_costs_nothing(hosts: Hosts, tmp_path: Path, point: str) -> None:
    script = KILLER.format(pattern=POINTS[point])
    said: list[str] = []
    killer = threading.Thread(target=lambda: said.append(hosts.inside("node1", script, check=False)))
    hosts.inside("node1", "rm -f /run/fault-killer")
    killer.start()
    # A session that it sees at once is none that it kills.
    eventually("the killer", lambda: hosts.inside("node1", "ls /run/fault-killer", check=False), timeout=30)
    tasks: list[dict[str, Any]] = [{"name": "Once", "shell": "echo once >> /root/fault-once"}]
    done = play(hosts, tmp_path, tasks, "--limit", "node1")
    killer.join(60)
    assert said == ["killed\n"]
    assert done.code == 0, done.text
    assert hosts.inside("node1", "cat /root/fault-once; rm /root/fault-once") == "once\n"
