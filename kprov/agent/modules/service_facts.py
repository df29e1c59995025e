# The signature is what callers expect.
"""ansible.builtin.service_facts: systemd's units over its socket (or systemctl), and init scripts."""

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
_BAD = ("not-found", "masked", "failed")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """ansible_facts.services: {name: {name, state, status, source}}."""
    services: dict[str, dict[str, str]] = {}
    if shutil.which("service") and not shutil.which("chkconfig") and not shutil.which("rc-status"):
        _scripts(services)
    if os.path.isdir("/run/systemd/system"):
        _systemd(services)
    if not services:
        text = "Failed to find any services."
        return {
            "skipped": True,
            "msg": text + " This can be due to privileges or some other configuration issue.",
        }
    return {"changed": False, "ansible_facts": {"services": services}}


def _scripts(services: dict[str, dict[str, str]]) -> None:
    if not os.path.isdir("/etc/init.d"):
        return
    _, out, _ = process.run_program(
        ["service", "--status-all"], environment={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    )
    for sign, name in re.findall(r"^\s*\[ (\+|-) \]\s+(.+)$", out, re.MULTILINE):
        state = "running" if sign == "+" else "stopped"
        services[name] = {"name": name, "state": state, "source": "sysv"}


def _systemd(services: dict[str, dict[str, str]]) -> None:
    for name, load, active, sub in _units():
        status = next((bad for bad in _BAD if bad in (load, active, sub)), active)
        state = "running" if sub == "running" else "stopped"
        services[name] = {"name": name, "state": state, "status": status, "source": "systemd"}
    files = _files()
    states = _states([name for name, _ in files if name not in services])
    for name, status in files:
        if name not in services:
            services[name] = {"name": name, "state": states[name], "status": status, "source": "systemd"}
        elif services[name].get("status") not in _BAD:
            services[name]["status"] = status


def _units() -> Iterable[tuple[str, str, str, str]]:
    """Name, load, active and sub state of every service that systemd knows."""
    if systemd.MANAGER.usable():
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


def _files() -> list[tuple[str, str]]:
    """Name and state of every service's unit file."""
    if systemd.MANAGER.usable():
        try:
            found = systemd.MANAGER.call(*_MANAGER, "ListUnitFiles")[0]
            rows = [(os.path.basename(path), state) for path, state in found]
            return sorted(row for row in rows if row[0].endswith(".service"))
        except (DBusError, OSError):
            pass
    options = ["--no-pager", "--no-legend", "--type=service", "--all"]
    lines = process.run_program(["systemctl", "list-unit-files", *options])[1].splitlines()
    return [(line.split()[0], line.split()[1]) for line in lines if len(line.split()) > 1]


def _states(names: list[str]) -> dict[str, str]:
    """Active states of services that are not loaded; templates have none."""
    found = dict.fromkeys(names, "unknown")
    for name in names:
        if "@." in name:
            continue
        if systemd.MANAGER.usable():
            found[name] = systemd.read_active_state(name) or "unknown"
            continue
        code, out, _ = process.run_program(["systemctl", "show", name, "--property=ActiveState", "--value"])
        found[name] = out.strip() or "unknown" if code == 0 else "unknown"
    return found
