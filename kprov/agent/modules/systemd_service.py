"""ansible.builtin.systemd_service, systemd and service: one `systemctl show` says all that is asked."""

from __future__ import annotations

from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError, truth

_SUFFIXES = (
    ".service",
    ".socket",
    ".timer",
    ".mount",
    ".path",
    ".target",
    ".slice",
    ".scope",
    ".device",
    ".swap",
    ".automount",
)
_ACTIVE = ("active", "activating", "reloading", "refreshing")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Reload systemd, enable or disable, mask or unmask, and start or stop a unit."""
    scope = ["--user"] if args.get("scope") == "user" else []
    result: dict[str, Any] = {"changed": False, "status": {}}
    if truth(args.get("daemon_reexec")) and not context.check:
        _systemctl([*scope, "daemon-reexec"])
    if truth(args.get("daemon_reload")) and not context.check:
        _systemctl([*scope, "daemon-reload"])
    unit = args.get("name") or args.get("service") or args.get("unit")
    if not unit:
        return result
    result["name"] = unit
    full = unit if unit.endswith(_SUFFIXES) else f"{unit}.service"
    status = _show(scope, full)
    result["status"] = status
    exists = status.get("LoadState") in ("loaded", "masked", "bad-setting", "error") or bool(
        status.get("UnitFileState")
    )
    if args.get("masked") is not None:
        wanted = truth(args["masked"])
        if (status.get("LoadState") == "masked") != wanted:
            result["changed"] = True
            if not context.check:
                _systemctl([*scope, "mask" if wanted else "unmask", full])
    if args.get("enabled") is not None:
        wanted = truth(args["enabled"])
        if not exists:
            _missing(unit, context, result)
        elif _enabled(scope, full, status) != wanted:
            result["changed"] = True
            if not context.check:
                _systemctl([*scope, "enable" if wanted else "disable", full])
        result["enabled"] = wanted
    if args.get("state"):
        if not exists:
            _missing(unit, context, result)
        else:
            _state(args, context, scope, full, status, result)
        result["state"] = args["state"]
    return result


def _missing(unit: str, context: Context, result: dict[str, Any]) -> None:
    if not context.check:
        raise ModuleError(f"Could not find the requested service {unit}: host")
    result["changed"] = True


def _state(
    args: dict[str, Any],
    context: Context,
    scope: list[str],
    unit: str,
    status: dict[str, str],
    result: dict[str, Any],
) -> None:
    state = args["state"]
    active = status.get("ActiveState") in _ACTIVE
    actions = {
        "started": None if active else "start",
        "stopped": "stop" if active or status.get("ActiveState") == "deactivating" else None,
        "restarted": "restart" if active else "start",
        "reloaded": "reload" if active else "start",
    }
    if state not in actions:
        raise ModuleError(f"value of state must be one of: {', '.join(actions)}, got: {state}")
    action = actions[state]
    if action is None:
        return
    result["changed"] = True
    if not context.check:
        _systemctl([*scope, *(["--no-block"] if truth(args.get("no_block")) else []), action, unit])
        if action == "stop" and status.get("ActiveState") == "failed":
            _systemctl([*scope, "reset-failed", unit])


def _show(scope: list[str], unit: str) -> dict[str, str]:
    code, out, err = process.run(
        [
            "systemctl",
            *scope,
            "show",
            "--no-pager",
            "-p",
            "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,MainPID,NRestarts,Result,ExecMainStatus",
            unit,
        ]
    )
    if code:
        raise ModuleError(f"Error loading unit file '{unit}': {err.strip()}", rc=code)
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def _enabled(scope: list[str], unit: str, status: dict[str, str]) -> bool:
    state = status.get("UnitFileState", "")
    if state in ("enabled", "enabled-runtime", "static", "alias", "indirect"):
        return state in ("enabled", "alias") or state == "enabled-runtime"
    if state == "generated":
        return process.run(["systemctl", *scope, "is-enabled", unit])[0] == 0
    return False


def _systemctl(arguments: list[str]) -> None:
    code, out, err = process.run(["systemctl", *arguments])
    if code:
        message = f"Unable to {' '.join(arguments)}: {(err or out).strip().splitlines()[0]}"
        raise ModuleError(message, rc=code, stderr=_last_words(arguments[-1]) or err)


def _last_words(unit: str) -> str:
    """What the unit said last: systemctl only says where to look."""
    code, out, _ = process.run(["journalctl", "--unit", unit, "--lines=8", "--output=cat", "--no-pager"])
    return out if code == 0 else ""
