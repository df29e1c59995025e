"""systemd_service, and service where systemd is the manager: what Ansible's module of that name does.

Looking is done over the manager's private socket where that is possible (root, scope system, a plain unit
name), through `systemctl` otherwise; every change is made by `systemctl`.
"""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.services import daemon_reload
from kprov.agent.services.dbus import DBusError, Manager

#: What systemd_service takes, and `service` where systemd is the manager.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"aliases": ["service", "unit"]},
    "state": {"choices": ["reloaded", "restarted", "started", "stopped"]},
    "enabled": {"type": "bool"},
    "force": {"type": "bool"},
    "masked": {"type": "bool"},
    "daemon_reload": {"type": "bool", "default": False, "aliases": ["daemon-reload"]},
    "daemon_reexec": {"type": "bool", "default": False, "aliases": ["daemon-reexec"]},
    "scope": {"default": "system", "choices": ["system", "user", "global"]},
    "no_block": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {
    "required_one_of": [["state", "enabled", "masked", "daemon_reload", "daemon_reexec"]],
    "required_by": {"state": ["name"], "enabled": ["name"], "masked": ["name"]},
}
MANAGER = Manager()
_UNIT = "org.freedesktop.systemd1.Unit"
_ROOT = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
#: What is asked of a unit; the first four decide, the rest is for people.
_ASKED = ["Id", "LoadState", "ActiveState", "LoadError", "SubState", "UnitFileState", "FragmentPath"]
_SUFFIXES = tuple(
    f".{kind}"
    for kind in (
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    )
)
#: States with which `systemctl is-enabled` ends well.
_ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")
#: Of those, states in which Ansible lets `systemctl enable` decide.
_ENABLED_ANEW = ("enabled-runtime", "indirect", "alias")
_LISTED = (
    *("enabled", "enabled-runtime", "linked", "linked-runtime", "masked", "masked-runtime", "static"),
    *("indirect", "disabled", "generated", "transient"),
)


def manage_unit(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Reload systemd, mask, enable, start a unit; `status` has what `systemctl show` says of it.

    With the internal argument `_status` false, `status` only has what was asked for: nobody looks at more.
    """
    unit = args["name"]
    for sign in "*?[":
        if unit is not None and sign in unit:
            text = "This module does not currently support using glob patterns, found"
            raise ModuleError(f"{text} '{sign}' in service name: {unit}")
    os.environ.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    scope = [] if args["scope"] == "system" else [f"--{args['scope']}"]
    force = [*(["--no-block"] if args["no_block"] else []), *(["--force"] if args["force"] else [])]
    task = _Task([*scope, *force], args, context)
    for wanted, verb in ((args["daemon_reload"], "daemon-reload"), (args["daemon_reexec"], "daemon-reexec")):
        if wanted and not context.check:
            task.manager(verb)
    if unit:
        task.unit(unit)
    return task.result


class _Task:
    """One task: its options for systemctl, and the result as it grows."""

    def __init__(self, options: list[str], args: dict[str, Any], context: Context) -> None:
        self.options, self.args, self.context = options, args, context
        self.result: dict[str, Any] = {"name": args["name"], "changed": False, "status": {}}

    def systemctl(self, *words: str) -> tuple[int, str, str]:
        try:
            return process.run_program(["systemctl", *self.options, *words])
        except FileNotFoundError:
            raise ModuleError('Failed to find required executable "systemctl"') from None

    def manager(self, verb: str) -> None:
        system = self.args["scope"] == "system" and MANAGER.usable()
        if verb == "daemon-reload" and system:
            # A loop over units looks once, until one of its items changes something.
            known = self.context.known
            if known.get(verb) is False:
                return
            known[verb] = daemon_reload.is_reload_needed(MANAGER)
            if not known[verb]:
                return
        code, _, err = self.systemctl(verb)
        if code and (_is_offline() or _is_chroot()):
            text = f"{verb} failed, but target is a chroot or systemd is offline. Continuing."
            self._warn(f"{text} Error was: {code} / {err}")
        elif code:
            raise ModuleError(f"failure {code} during {verb}: {err}")

    def _warn(self, text: str) -> None:
        self.result.setdefault("warnings", []).append(text)

    def unit(self, unit: str) -> None:
        script = unit if unit.startswith("/") else f"/etc/init.d/{unit}"
        initd = os.path.exists(script)
        fast = self._fast(unit)
        systemd = self._look(unit, fast)
        if initd and not systemd:
            self._warn(
                f"The service ({unit}) is actually an init script but the system is managed by systemd"
            )
        found = systemd or initd
        if self.args["masked"] is not None:
            self._mask(unit, found, fast)
        if self.args["enabled"] is not None:
            self._enable(unit, found, initd, fast)
        if self.args["state"] is not None:
            self._state(unit, found)

    def _fast(self, unit: str) -> str | None:
        """The unit's full name where the socket can be asked, else None."""
        if self.args["scope"] != "system" or not re.fullmatch(r"[\w:.@\\-]+", unit, re.ASCII):
            return None
        full = unit if unit.endswith(_SUFFIXES) else f"{unit}.service"
        return None if "@." in full or not MANAGER.usable() else full

    def _look(self, unit: str, fast: str | None) -> bool:
        """Fill in `status`; whether systemd has the unit."""
        status = self.result["status"]
        if fast is not None and self.args.get("_status") is False:
            try:
                status.update(_read_properties(fast))
            except (DBusError, OSError):
                status.clear()
        if not status:
            code, out, err = self.systemctl("show", unit)
            ignored = "=" not in out and ("ignoring request" in out or "ignoring command" in out)
            if code == 1 and "Failed to parse bus message" in err:
                status.update(parse_show(out))
                return self._template(unit)
            if (
                code
                or ignored
                or ("=" not in err and ("ignoring request" in err or "ignoring command" in err))
            ):
                return self._without_show(unit)
            status.update(parse_show(out))
        load = status.get("LoadState", "not-found")
        if load not in ("not-found", "masked") and "LoadError" in status:
            raise ModuleError(f"Error loading unit file '{unit}': {status['LoadError']}")
        return bool(load != "not-found")

    def _template(self, unit: str) -> bool:
        search = unit.partition("@")[0] + ("@" if "@" in unit else "")
        out = self.systemctl("list-unit-files", f"{search}*")[1]
        self.result["status"]["ActiveState"] = self.systemctl("is-active", unit)[1].rstrip("\n")
        return search in out

    def _without_show(self, unit: str) -> bool:
        if self.systemctl("is-enabled", unit)[1].strip() in _LISTED:
            return True
        if self.systemctl("list-unit-files", unit)[0] == 0:
            return True
        code, out, err = self.systemctl()
        if code:
            raise ModuleError(err.strip(), rc=code, stdout=out, stderr=err)
        return False

    def _file_state(self, unit: str, fast: str | None, *more: str) -> tuple[int, str]:
        """What `systemctl is-enabled` answers: its exit code and the state."""
        if fast is not None:
            try:
                state = str(MANAGER.call(*_ROOT, "GetUnitFileState", fast)[0])
            except (DBusError, OSError):
                state = ""
            if state and state not in ("generated", "transient"):
                return 0 if state in _ENABLED else 1, state
        code, out, _ = self.systemctl("is-enabled", unit, *more)
        return code, out.strip()

    def _mask(self, unit: str, found: bool, fast: str | None) -> None:
        wanted = self.args["masked"]
        if (self._file_state(unit, fast)[1] == "masked") == wanted:
            return
        self.result["changed"] = True
        if self.context.check:
            return
        action = "mask" if wanted else "unmask"
        code, _, err = self.systemctl(action, unit)
        if code:
            _fail_missing(unit, found)
            raise ModuleError(f"Failed to {action} the service ({unit}): {err.strip()}")

    def _enable(self, unit: str, found: bool, initd: bool, fast: str | None) -> None:
        _fail_missing(unit, found)
        code, state = self._file_state(unit, fast, "-l")
        enabled = code == 0 and state not in _ENABLED_ANEW
        if code == 1 and self.args["scope"] == "system" and initd and not state.endswith("disabled"):
            links = "/etc/rc?.d" if os.path.isdir("/etc/rc0.d/") else "/etc/init.d/rc?.d"
            import glob

            enabled = bool(glob.glob(f"{links}/S??{unit}"))
        self.result["enabled"] = enabled
        if enabled == self.args["enabled"]:
            return
        self.result["changed"] = True
        action = "enable" if self.args["enabled"] else "disable"
        if not self.context.check:
            code, out, err = self.systemctl(action, unit)
            if code:
                raise ModuleError(f"Unable to {action} service {unit}: {out + err}")
        self.result["enabled"] = not enabled

    def _state(self, unit: str, found: bool) -> None:
        _fail_missing(unit, found)
        state = self.result["state"] = self.args["state"]
        active = self.result["status"].get("ActiveState")
        if active is None:
            if not (_is_offline() or _is_chroot()):
                raise ModuleError("Service is in unknown state", status=self.result["status"])
            self._warn(
                "Target is a chroot or systemd is offline. This can lead to false positives or "
                "prevent the init system tools from working."
            )
            return
        running = active in ("active", "activating")
        action = None
        if state == "started":
            action = None if running else "start"
        elif state == "stopped":
            action = "stop" if running or active == "deactivating" else None
        else:
            action = state[:-2] if running else "start"
            self.result["state"] = "started"
        if action is None:
            return
        self.result["changed"] = True
        if not self.context.check:
            code, _, err = self.systemctl(action, unit)
            if code:
                words = {"unit_log": _last_log_line(unit)} if self.args["scope"] == "system" else {}
                raise ModuleError(f"Unable to {action} service {unit}: {err}", **words)


def _fail_missing(unit: str, found: bool) -> None:
    if not found:
        raise ModuleError(f"Could not find the requested service {unit}: host")


def _is_offline() -> bool:
    return os.environ.get("SYSTEMD_OFFLINE") == "1"


def _is_chroot() -> bool:
    try:
        here, init = os.stat("/"), os.stat("/proc/1/root/.")
    except OSError:
        return False
    return (here.st_dev, here.st_ino) != (init.st_dev, init.st_ino)


def _read_properties(full: str) -> dict[str, str]:
    """A unit's properties over the socket, as `systemctl show` prints them."""
    known = MANAGER.get(object_path(full), _UNIT, _ASKED)
    name, text = known.pop("LoadError")
    if name or text:
        known["LoadError"] = f'{name} "{text}"' if text else name
    return known


def parse_show(text: str) -> dict[str, str]:
    """`systemctl show` as a table; values of Exec* may span lines, until one that ends with a brace."""
    found: dict[str, str] = {}
    parts: list[str] = []
    key = ""
    for line in text.split("\n"):
        if parts:
            parts.append(line)
        elif "=" in line:
            key, value = line.split("=", 1)
            parts = [value]
        else:
            continue
        spans = key.startswith("Exec") and parts[0].lstrip().startswith("{")
        if not spans or line.rstrip().endswith("}"):
            found[key] = "\n".join(parts).strip()
            parts = []
    return found


def _last_log_line(unit: str) -> str:
    """What the unit said last: systemctl only says where to look."""
    try:
        code, out, _ = process.run_program(
            ["journalctl", f"--unit={unit}", "--lines=8", "--output=cat", "--no-pager"]
        )
    except OSError:
        return ""
    return out if code == 0 else ""


def read_active_state(full: str) -> str:
    """A unit's ActiveState over the socket; empty where that cannot be told."""
    try:
        return str(MANAGER.get(object_path(full), _UNIT, ["ActiveState"])["ActiveState"])
    except (DBusError, OSError):
        return ""


def object_path(full: str) -> str:
    """Where a unit is found on the bus."""
    escaped = "".join(
        char if char.isalnum() and (index or not char.isdigit()) else f"_{ord(char):02x}"
        for index, char in enumerate(full)
    )
    return f"/org/freedesktop/systemd1/unit/{escaped}"
