"""ansible.builtin.raw: a command line for the shell, with only its exit code and output."""

from __future__ import annotations

from typing import Any

from kprov.playbook.actions.call import Call, ModuleCall

ARGUMENTS: dict[str, dict[str, Any]] = {"executable": {}}
RULES: dict[str, Any] = {"check_mode": False, "required_one_of": [["_raw_params"]]}
_KEPT = ("changed", "failed", "rc", "stdout", "stderr", "stdout_lines", "stderr_lines")


def prepare(call: Call) -> list[ModuleCall]:
    """Return the command with unchanged output. In check mode nothing runs."""
    if call.environment:
        call.callbacks.warning(f"{call.host}: raw module does not support the environment keyword")
        call.environment = {}
    if call.check:
        return []
    # `_raw` also works on a host without Python, where no agent can run.
    return [ModuleCall("command", {**call.args, "_shell": True, "_raw": True, "strip_empty_ends": False})]


def finish(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Return exit code and output."""
    if call.check:
        return {"changed": False, "skipped": True}
    kept_values = {name: result[name] for name in _KEPT if name in result}
    return {**kept_values, "msg": result["msg"]} if result.get("failed") else kept_values
