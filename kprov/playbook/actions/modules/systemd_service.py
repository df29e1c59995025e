"""ansible.builtin.systemd_service: return the whole `status` only if the task registers its result."""

from __future__ import annotations

from typing import Any

from kprov.playbook.actions.call import Call, ModuleCall
from kprov.transport import agent_modules

_TABLE = agent_modules.module_table("systemd_service")
assert _TABLE is not None
ARGUMENTS: dict[str, dict[str, Any]] = _TABLE[0]
RULES: dict[str, Any] = _TABLE[1]


def prepare(call: Call) -> ModuleCall:
    """Return a call of the agent's module of the same name."""
    return ModuleCall("systemd_service", {**call.args, "_status": "register" in call.task.keywords})
