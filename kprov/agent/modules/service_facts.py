"""ansible.builtin.service_facts: systemd's units, from its socket or systemctl, and init scripts."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Iterable

from kprov.agent import process
from kprov.agent.context import Context
from kprov.agent.services import systemd
from kprov.agent.services.dbus import DBusError

ARGUMENTS: dict[str, dict[str, Any]] = {}
RULES: dict[str, Any] = {"read_only": True}
_MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
_PROBLEMS = ("not-found", "masked", "failed")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return ansible_facts.services: {name: {name, state, status, source}}."""
    services: dict[str, dict[str, str]] = {}
    if shutil.which("service") and not shutil.which("chkconfig") and not shutil.which("rc-status"):
        _add_scripts(services)
    if os.path.isdir("/run/systemd/system"):
        _add_units(services)
    if not services:
        text = "Failed to find any services."
        return {
            "skipped": True,
            "msg": text + " This can be due to privileges or some other configuration issue.",
        }
    return {"changed": False, "ansible_facts": {"services": services}}


def _add_scripts(services: dict[str, dict[str, str]]) -> None:
    if not os.path.isdir("/etc/init.d"):
        return
    _, out, _ = process.run_program(
        ["service", "--status-all"], environment={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    )
    for sign, name in re.findall(r"^\s*\[ (\+|-) \]\s+(.+)$", out, re.MULTILINE):
        state = "running" if sign == "+" else "stopped"
        services[name] = {"name": name, "state": state, "source": "sysv"}


def _add_units(services: dict[str, dict[str, str]]) -> None:
    for name, load, active, sub in _list_units():
        status = next((bad for bad in _PROBLEMS if bad in (load, active, sub)), active)
        state = "running" if sub == "running" else "stopped"
        services[name] = {"name": name, "state": state, "status": status, "source": "systemd"}
    files = _list_unit_files()
    states = _read_states([name for name, _ in files if name not in services])
    for name, status in files:
        if name not in services:
            services[name] = {"name": name, "state": states[name], "status": status, "source": "systemd"}
        elif services[name].get("status") not in _PROBLEMS:
            services[name]["status"] = status


def _list_units() -> Iterable[tuple[str, str, str, str]]:
    """Return name, load, active and sub state of every service unit that systemd has loaded."""
    if systemd.MANAGER.is_usable():
        try:
            units = systemd.MANAGER.call(*_MANAGER, "ListUnits")[0]
            return sorted((u[0], u[2], u[3], u[4]) for u in units if u[0].endswith(".service"))
        except (DBusError, OSError):
            pass
    options = ["--no-pager", "--no-legend", "--plain", "--type=service", "--all"]
    rows = [
        line.split() for line in process.run_program(["systemctl", "list-units", *options])[1].splitlines()
    ]
    return [(row[0], row[1], row[2], row[3]) for row in rows if len(row) > 3]


def _list_unit_files() -> list[tuple[str, str]]:
    """Return name and state of every unit file of a service."""
    if systemd.MANAGER.is_usable():
        try:
            unit_files = systemd.MANAGER.call(*_MANAGER, "ListUnitFiles")[0]
            rows = [(os.path.basename(path), state) for path, state in unit_files]
            return sorted(row for row in rows if row[0].endswith(".service"))
        except (DBusError, OSError):
            pass
    options = ["--no-pager", "--no-legend", "--type=service", "--all"]
    lines = process.run_program(["systemctl", "list-unit-files", *options])[1].splitlines()
    return [(line.split()[0], line.split()[1]) for line in lines if len(line.split()) > 1]


def _read_states(names: list[str]) -> dict[str, str]:
    """Return the active states of services that are not loaded; "unknown" for templates."""
    states = dict.fromkeys(names, "unknown")
    for name in names:
        if "@." in name:
            continue
        if systemd.MANAGER.is_usable():
            states[name] = systemd.read_active_state(name) or "unknown"
            continue
        code, out, _ = process.run_program(["systemctl", "show", name, "--property=ActiveState", "--value"])
        states[name] = out.strip() or "unknown" if code == 0 else "unknown"
    return states
