"""ansible.builtin.service: systemd where it is the manager, else init scripts through `service`."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent import systemd, sysvinit
from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "state": {"choices": ["started", "stopped", "reloaded", "restarted"]},
    "sleep": {"type": "int"},
    "pattern": {},
    "enabled": {"type": "bool"},
    "runlevel": {},
    "arguments": {"aliases": ["args"], "default": ""},
    "use": {"default": "auto"},
}
RULES: dict[str, Any] = {"required_one_of": [["state", "enabled"]]}
_SYSTEMD = ("/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd")
_NOT_SYSTEMD = ("sleep", "pattern", "runlevel", "arguments")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a service enabled and in a state."""
    manager = args["use"].lower().rpartition(".")[2]
    if manager == "auto":
        manager = "systemd" if any(os.path.exists(path) for path in _SYSTEMD) else "sysvinit"
    if manager in ("systemd", "systemd_service"):
        unused = [name for name in _NOT_SYSTEMD if args[name]]
        full: dict[str, Any] = {**_DEFAULTS, **{k: v for k, v in args.items() if k not in _NOT_SYSTEMD}}
        result = systemd.run(full, context)
        if unused:
            texts = [f'Ignoring "{name}" as it is not used in "systemd"' for name in unused]
            result["warnings"] = texts + result.get("warnings", [])
        return result
    if manager in ("sysvinit", "service"):
        return sysvinit.run(args, context)
    raise ModuleError(f"service manager {manager!r} is not supported; systemd and sysvinit are")


_DEFAULTS = {
    "force": None,
    "masked": None,
    "daemon_reload": False,
    "daemon_reexec": False,
    "scope": "system",
    "no_block": False,
}
