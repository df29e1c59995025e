"""ansible.builtin.systemd_service and systemd."""

from __future__ import annotations

from typing import Any

from kprov.agent import systemd
from kprov.agent.context import Context

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"aliases": ["service", "unit"]},
    "state": {"choices": ["reloaded", "restarted", "started", "stopped"]},
    "enabled": {"type": "bool"},
    "force": {"type": "bool"},
    "masked": {"type": "bool"},
    "daemon_reload": {"type": "bool", "default": False, "aliases": ["daemon-reload"]},
    "daemon_reexec": {"type": "bool", "default": False, "aliases": ["daemon-reexec"]},
    "scope": {"default": "system", "choices": ["system", "user", "global"]},
    "no_block": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {
    "required_one_of": [["state", "enabled", "masked", "daemon_reload", "daemon_reexec"]],
    "required_by": {"state": ["name"], "enabled": ["name"], "masked": ["name"]},
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a unit masked, enabled and in a state; reload or re-execute the manager first where asked."""
    return systemd.run(args, context)
