"""Manages services of init scripts for `service`, as Ansible's sysvinit module does."""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
import time
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError

_STOPPED = ("stop", "is dead ", "dead but ", "could not access pid file", "inactive")


def manage_service(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Enable or disable an init script's service and bring it to a state; `status` has each step's output."""
    name, state, enabled = args["name"], args["state"], args["enabled"]
    script = name if name.startswith("/") else f"/etc/init.d/{name}"
    if not os.path.exists(script):
        raise ModuleError(f"Could not find the requested service {name}: ")
    result: dict[str, Any] = {"name": name, "changed": False, "status": {}}
    is_running = _is_started(name, script, args["pattern"], result)
    step = result["status"]["enabled"] = {"changed": False, "rc": None, "stdout": None, "stderr": None}
    levels = [args["runlevel"]] if args["runlevel"] and args["runlevel"] != "default" else []
    if enabled is not None and enabled != _is_enabled(name, levels):
        result["changed"] = step["changed"] = True
        if not context.check:
            step.update(_set_enabled(name, levels, enabled=enabled))
            if "illegal runlevel specified" in str(step["stderr"]):
                text = f"Illegal runlevel specified for enable operation on service {name}"
                raise ModuleError(text, **result)
    if state is not None:
        action = re.sub(r"p?ed$", "", state)
        step = result["status"][state] = {"changed": False, "rc": None, "stdout": None, "stderr": None}
        should_run = state == "started" if state in ("started", "stopped") else None
        if should_run is None or should_run != is_running:
            result["changed"] = step["changed"] = True
            if not context.check:
                for verb in ("stop", "start") if action == "restart" else (action,):
                    step.update(_run_action(script, verb, name, args["arguments"]))
                    if action == "restart":
                        time.sleep(1 if args["sleep"] is None else args["sleep"])
    return result


def _run(command: list[str]) -> dict[str, Any]:
    code, out, err = process.run_program(command)
    return {"rc": code, "stdout": out, "stderr": err}


def _run_action(script: str, verb: str, name: str, arguments: str | None) -> dict[str, Any]:
    outcome = _run([script, verb, *shlex.split(arguments or "")])
    if outcome["rc"]:
        raise ModuleError(f"Failed to {verb} service: {name}", **outcome)
    return outcome


def _is_enabled(name: str, levels: list[str]) -> bool:
    base = "/etc" if os.path.isdir("/etc/rc0.d/") else "/etc/init.d"
    return any(glob.glob(f"{base}/rc{level}.d/S??{name}") for level in levels or ["?"])


def _set_enabled(name: str, levels: list[str], *, enabled: bool) -> dict[str, Any]:
    if shutil.which("update-rc.d"):
        verb = "disable" if not enabled else "enable" if levels else "defaults"
        return _run(["update-rc.d", name, verb, *levels])
    if shutil.which("chkconfig"):
        level_options = ["--level", "".join(levels)] if levels else []
        return _run(["chkconfig", *level_options, name, "on" if enabled else "off"])
    raise ModuleError(f"neither update-rc.d nor chkconfig is there to enable or disable {name}")


def _is_started(name: str, script: str, pattern: str | None, result: dict[str, Any]) -> bool:
    """Whether the service runs. Scripts report `status` differently: their words decide before exit codes."""
    if pattern:
        return _is_process_listed(pattern)
    command = ["service", name] if shutil.which("service") else [script]
    code, out, _ = process.run_program([*command, "status"])
    if name == "iptables" and "ACCEPT" in out:
        return True
    if out.count("\n") <= 1:
        output = out.lower().replace(name.lower(), "")
        if any(word in output for word in _STOPPED):
            return False
        if "not " not in output and any(word in output for word in ("run", "start", "active")):
            return True
    if code in (0, 1, 2, 3, 4, 69):
        return code == 0
    if _is_process_listed(name):
        warning = "Used ps output to match service name and determine it is up, this is very unreliable"
        result.setdefault("warnings", []).append(warning)
        return True
    warning = "Unable to determine if service is up, assuming it is down"
    result.setdefault("warnings", []).append(warning)
    return False


def _is_process_listed(pattern: str) -> bool:
    """Whether a process (not this one) has the text in its command line."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        if path == f"/proc/{os.getpid()}/cmdline":
            continue
        try:
            with open(path, "rb") as file:
                line = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if pattern in line:
            return True
    return False
