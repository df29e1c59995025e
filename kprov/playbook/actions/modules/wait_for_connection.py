"""ansible.builtin.wait_for_connection: reconnect until the host answers."""

from __future__ import annotations

import time
from typing import Any

from kprov.errors import PreflightError, UnreachableError
from kprov.playbook.actions.call import Call

ARGUMENTS: dict[str, dict[str, Any]] = {
    "connect_timeout": {"type": "int", "default": 5},
    "delay": {"type": "int", "default": 0},
    "sleep": {"type": "int", "default": 1},
    "timeout": {"type": "int", "default": 600},
}
RULES: dict[str, Any] = {"check_mode": False}


def run(call: Call) -> dict[str, Any]:
    """Wait until a module runs on the host; the result has the elapsed seconds and fails on a timeout."""
    if call.check:
        return {"changed": False, "skipped": True}
    args = {name: entry["default"] for name, entry in ARGUMENTS.items()}
    args.update({name: int(value) for name, value in call.args.items() if value is not None})
    start = time.monotonic()
    time.sleep(args["delay"])
    while True:
        try:
            call.reconnect(0)
        except (UnreachableError, PreflightError) as error:
            if time.monotonic() - start >= args["timeout"] + args["delay"]:
                text = f"timed out waiting for ping module test: {error.reason}"
                return {"changed": False, "failed": True, "msg": text, "elapsed": _elapsed_seconds(start)}
            time.sleep(args["sleep"])
        else:
            return {"changed": False, "elapsed": _elapsed_seconds(start)}


def _elapsed_seconds(start: float) -> int:
    return int(time.monotonic() - start)
