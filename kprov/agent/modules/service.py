"""ansible.builtin.service: services of systemd, or of init scripts on hosts without systemd."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.services import systemd, sysvinit

#: Arguments that only systemd_service has. `run` sets their defaults if the manager is systemd.
_ONLY_SYSTEMD: dict[str, dict[str, Any]] = {
    name: {key: value for key, value in entry.items() if key != "default"}
    for name, entry in systemd.ARGUMENTS.items()
    if name not in ("name", "state", "enabled")
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{name: systemd.ARGUMENTS[name] for name in ("name", "state", "enabled")},
    **_ONLY_SYSTEMD,
    "sleep": {"type": "int"},
    "pattern": {},
    "runlevel": {},
    "arguments": {"aliases": ["args"], "default": ""},
    "use": {"default": "auto"},
}
RULES: dict[str, Any] = systemd.RULES
_SYSTEMD = ("/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd")
_NOT_SYSTEMD = ("sleep", "pattern", "runlevel", "arguments")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Enable or disable a service, and bring it to a state."""
    manager = args["use"].lower().rpartition(".")[2]
    if manager == "auto":
        manager = "systemd" if any(os.path.exists(path) for path in _SYSTEMD) else "sysvinit"
    if manager in ("systemd", "systemd_service"):
        unused = [name for name in _NOT_SYSTEMD if args[name]]
        systemd_args = {k: v for k, v in args.items() if k not in _NOT_SYSTEMD and v is not None}
        unit_args: dict[str, Any] = {**_SYSTEMD_DEFAULTS, **systemd_args}
        result = systemd.manage_unit(unit_args, context)
        if unused:
            texts = [f'Ignoring "{name}" as it is not used in "systemd"' for name in unused]
            result["warnings"] = texts + result.get("warnings", [])
        return result
    if manager in ("sysvinit", "service"):
        _reject_systemd_arguments(args)
        return sysvinit.manage_service(args, context)
    raise ModuleError(f"service manager {manager!r} is not supported; systemd and sysvinit are")


_SYSTEMD_DEFAULTS = {name: entry.get("default") for name, entry in systemd.ARGUMENTS.items()}


def _reject_systemd_arguments(args: dict[str, Any]) -> None:
    """Raise ModuleError for arguments that init scripts do not support, as Ansible's sysvinit module does."""
    unsupported = sorted(name for name in _ONLY_SYSTEMD if args[name] is not None)
    if unsupported:
        supported = sorted(set(ARGUMENTS) - set(_ONLY_SYSTEMD) - {"use"})
        text = f"Unsupported parameters for (ansible.legacy.sysvinit) module: {', '.join(unsupported)}."
        raise ModuleError(f"{text} Supported parameters include: {', '.join(supported)}.")
    if args["name"] is None:
        raise ModuleError("missing required arguments: name")
    if args["state"] is None and args["enabled"] is None:
        raise ModuleError("one of the following is required: state, enabled")
