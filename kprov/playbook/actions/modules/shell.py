"""ansible.builtin.shell: the agent's command with a shell."""

from __future__ import annotations

from typing import Any

from kprov.playbook.actions.call import Call, ModuleCall

ARGUMENTS: dict[str, dict[str, Any]] = {
    "cmd": {},
    "chdir": {"type": "path"},
    "executable": {},
    "creates": {"type": "path"},
    "removes": {"type": "path"},
    "stdin": {},
    "stdin_add_newline": {"type": "bool", "default": True},
    "strip_empty_ends": {"type": "bool", "default": True},
    "argv": {"type": "list", "refused": "use command, or cmd with one text"},
    "expand_argument_vars": {"refused": "the shell expands; use command"},
}
_WAYS = ["_raw_params", "cmd"]
RULES: dict[str, Any] = {"required_one_of": [_WAYS], "mutually_exclusive": [_WAYS]}


def prepare(call: Call) -> ModuleCall:
    """Return a call of the agent's command with a shell."""
    return ModuleCall("command", {**call.args, "_shell": True})
