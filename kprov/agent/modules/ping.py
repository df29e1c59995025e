"""ansible.builtin.ping."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {"data": {"default": "pong"}}
RULES: dict[str, Any] = {"read_only": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return `data`; fail if it is "crash", as Ansible's module does."""
    if args["data"] == "crash":
        raise ModuleError("Task failed: Module failed: boom")
    return {"ping": args["data"]}
