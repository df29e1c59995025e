"""Actions that deal with the connection, and what is asked of a unit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kprov.playbook.actions.modules import service, systemd_service
from kprov.transport import agent_modules


def play(bench: Any, task: str, **options: Any) -> dict[str, str]:
    bench.play(f"- hosts: a\n  gather_facts: false\n  tasks:\n    - {{name: it, {task}}}\n", **options)
    found: dict[str, str] = bench.outcomes()
    return found


def test_the_operators_own_machine_is_not_rebooted(bench: Any) -> None:
    assert play(bench, "reboot: {reboot_timeout: 5}") == {"it": "failed"}
    assert "with local connection would reboot the control node" in bench.recorder.shown


def test_a_connection_is_waited_for(bench: Any) -> None:
    assert play(bench, "wait_for_connection: {timeout: 5}") == {"it": "ok"}
    assert json.loads(bench.recorder.shown)["elapsed"] < 5


def test_check_mode_waits_for_no_connection(bench: Any) -> None:
    assert play(bench, "wait_for_connection: {timeout: 5}", check=True) == {"it": "skipped"}


@pytest.mark.parametrize("action", [systemd_service, service])
def test_an_action_takes_what_its_module_takes(action: Any) -> None:
    found = agent_modules.module_table(action.__name__.rpartition(".")[2])
    assert found == (action.ARGUMENTS, action.RULES)
