"""Implements systemd_service, and service on hosts with systemd, as Ansible's modules of these names do.

It reads a unit's state over systemd's private socket if possible (as root, scope system, a plain unit name),
otherwise with `systemctl`. It makes every change with `systemctl`.
"""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.services import daemon_reload
from kprov.agent.services.dbus import DBusError, Manager

#: The arguments of systemd_service, and of `service` on hosts with systemd.
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
_UNIT_INTERFACE = "org.freedesktop.systemd1.Unit"
_MANAGER_OBJECT = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
#: The properties of a unit for `status`. The first four decide what to do, the rest is information.
_PROPERTIES = ["Id", "LoadState", "ActiveState", "LoadError", "SubState", "UnitFileState", "FragmentPath"]
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
#: Unit file states for which `systemctl is-enabled` exits with 0.
_ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")
#: The ones of these that Ansible treats as not enabled: it runs `systemctl enable` for them.
_REENABLED = ("enabled-runtime", "indirect", "alias")
_FILE_STATES = (
    *("enabled", "enabled-runtime", "linked", "linked-runtime", "masked", "masked-runtime", "static"),
    *("indirect", "disabled", "generated", "transient"),
)


def manage_unit(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Reload systemd; mask, enable or start a unit. `status` has the properties of `systemctl show`.

    If the internal argument `_status` is false, no task uses `status`: it has only a few properties.
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
    for requested, verb in (
        (args["daemon_reload"], "daemon-reload"),
        (args["daemon_reexec"], "daemon-reexec"),
    ):
        if requested and not context.check:
            task.reload_manager(verb)
    if unit:
        task.change_unit(unit)
    return task.result


class _Task:
    """A task: its options for systemctl, and its result, which the methods fill in."""

    def __init__(self, options: list[str], args: dict[str, Any], context: Context) -> None:
        self.options, self.args, self.context = options, args, context
        self.result: dict[str, Any] = {"name": args["name"], "changed": False, "status": {}}

    def systemctl(self, *words: str) -> tuple[int, str, str]:
        try:
            return process.run_program(["systemctl", *self.options, *words])
        except FileNotFoundError:
            raise ModuleError('Failed to find required executable "systemctl"') from None

    def reload_manager(self, verb: str) -> None:
        uses_socket = self.args["scope"] == "system" and MANAGER.is_usable()
        if verb == "daemon-reload" and uses_socket:
            # The items of a loop share this cache until one of them changes something.
            loop_cache = self.context.loop_cache
            if loop_cache.get(verb) is False:
                return
            loop_cache[verb] = daemon_reload.is_reload_needed(MANAGER)
            if not loop_cache[verb]:
                return
        code, _, err = self.systemctl(verb)
        if code and (_is_offline() or _is_chroot()):
            text = f"{verb} failed, but target is a chroot or systemd is offline. Continuing."
            self._warn(f"{text} Error was: {code} / {err}")
        elif code:
            raise ModuleError(f"failure {code} during {verb}: {err}")

    def _warn(self, text: str) -> None:
        self.result.setdefault("warnings", []).append(text)

    def change_unit(self, unit: str) -> None:
        script = unit if unit.startswith("/") else f"/etc/init.d/{unit}"
        has_script = os.path.exists(script)
        full_name = self._socket_name(unit)
        in_systemd = self._read_status(unit, full_name)
        if has_script and not in_systemd:
            self._warn(
                f"The service ({unit}) is actually an init script but the system is managed by systemd"
            )
        exists = in_systemd or has_script
        if self.args["masked"] is not None:
            self._set_masked(unit, exists, full_name)
        if self.args["enabled"] is not None:
            self._set_enabled(unit, exists, has_script, full_name)
        if self.args["state"] is not None:
            self._set_state(unit, exists)

    def _socket_name(self, unit: str) -> str | None:
        """Return the unit's full name if systemd's socket can be used for it, else None."""
        if self.args["scope"] != "system" or not re.fullmatch(r"[\w:.@\\-]+", unit, re.ASCII):
            return None
        full_name = unit if unit.endswith(_SUFFIXES) else f"{unit}.service"
        return None if "@." in full_name or not MANAGER.is_usable() else full_name

    def _read_status(self, unit: str, full_name: str | None) -> bool:
        """Fill in `status`; return whether systemd has the unit."""
        status = self.result["status"]
        if full_name is not None and self.args.get("_status") is False:
            try:
                status.update(_read_properties(full_name))
            except (DBusError, OSError):
                status.clear()
        if not status:
            code, out, err = self.systemctl("show", unit)
            ignored = "=" not in out and ("ignoring request" in out or "ignoring command" in out)
            if code == 1 and "Failed to parse bus message" in err:
                status.update(parse_show(out))
                return self._template_exists(unit)
            if (
                code
                or ignored
                or ("=" not in err and ("ignoring request" in err or "ignoring command" in err))
            ):
                return self._unit_exists(unit)
            status.update(parse_show(out))
        load_state = status.get("LoadState", "not-found")
        if load_state not in ("not-found", "masked") and "LoadError" in status:
            raise ModuleError(f"Error loading unit file '{unit}': {status['LoadError']}")
        return bool(load_state != "not-found")

    def _template_exists(self, unit: str) -> bool:
        search = unit.partition("@")[0] + ("@" if "@" in unit else "")
        out = self.systemctl("list-unit-files", f"{search}*")[1]
        self.result["status"]["ActiveState"] = self.systemctl("is-active", unit)[1].rstrip("\n")
        return search in out

    def _unit_exists(self, unit: str) -> bool:
        if self.systemctl("is-enabled", unit)[1].strip() in _FILE_STATES:
            return True
        if self.systemctl("list-unit-files", unit)[0] == 0:
            return True
        code, out, err = self.systemctl()
        if code:
            raise ModuleError(err.strip(), rc=code, stdout=out, stderr=err)
        return False

    def _file_state(self, unit: str, full_name: str | None, *options: str) -> tuple[int, str]:
        """Return the exit code of `systemctl is-enabled` and the unit file's state."""
        if full_name is not None:
            try:
                state = str(MANAGER.call(*_MANAGER_OBJECT, "GetUnitFileState", full_name)[0])
            except (DBusError, OSError):
                state = ""
            if state and state not in ("generated", "transient"):
                return 0 if state in _ENABLED else 1, state
        code, out, _ = self.systemctl("is-enabled", unit, *options)
        return code, out.strip()

    def _set_masked(self, unit: str, exists: bool, full_name: str | None) -> None:
        masked = self.args["masked"]
        if (self._file_state(unit, full_name)[1] == "masked") == masked:
            return
        self.result["changed"] = True
        if self.context.check:
            return
        action = "mask" if masked else "unmask"
        code, _, err = self.systemctl(action, unit)
        if code:
            _require_unit(unit, exists)
            raise ModuleError(f"Failed to {action} the service ({unit}): {err.strip()}")

    def _set_enabled(self, unit: str, exists: bool, has_script: bool, full_name: str | None) -> None:
        _require_unit(unit, exists)
        code, state = self._file_state(unit, full_name, "-l")
        enabled = code == 0 and state not in _REENABLED
        if code == 1 and self.args["scope"] == "system" and has_script and not state.endswith("disabled"):
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

    def _set_state(self, unit: str, exists: bool) -> None:
        _require_unit(unit, exists)
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
                log = {"unit_log": _last_log_line(unit)} if self.args["scope"] == "system" else {}
                raise ModuleError(f"Unable to {action} service {unit}: {err}", **log)


def _require_unit(unit: str, exists: bool) -> None:
    if not exists:
        raise ModuleError(f"Could not find the requested service {unit}: host")


def _is_offline() -> bool:
    return os.environ.get("SYSTEMD_OFFLINE") == "1"


def _is_chroot() -> bool:
    try:
        own_root, init_root = os.stat("/"), os.stat("/proc/1/root/.")
    except OSError:
        return False
    return (own_root.st_dev, own_root.st_ino) != (init_root.st_dev, init_root.st_ino)


def _read_properties(full_name: str) -> dict[str, str]:
    """Read a unit's properties over the socket, in the form of `systemctl show`."""
    properties = MANAGER.get_properties(object_path(full_name), _UNIT_INTERFACE, _PROPERTIES)
    name, message = properties.pop("LoadError")
    if name or message:
        properties["LoadError"] = f'{name} "{message}"' if message else name
    return properties


def parse_show(text: str) -> dict[str, str]:
    """Parse `systemctl show`. A value of Exec* in braces may have several lines."""
    properties: dict[str, str] = {}
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
        may_have_lines = key.startswith("Exec") and parts[0].lstrip().startswith("{")
        if not may_have_lines or line.rstrip().endswith("}"):
            properties[key] = "\n".join(parts).strip()
            parts = []
    return properties


def _last_log_line(unit: str) -> str:
    """Return the unit's last log lines: systemctl's error message only says how to read them."""
    try:
        code, out, _ = process.run_program(
            ["journalctl", f"--unit={unit}", "--lines=8", "--output=cat", "--no-pager"]
        )
    except OSError:
        return ""
    return out if code == 0 else ""


def read_active_state(full_name: str) -> str:
    """Read a unit's ActiveState over the socket; "" on an error."""
    try:
        return str(
            MANAGER.get_properties(object_path(full_name), _UNIT_INTERFACE, ["ActiveState"])["ActiveState"]
        )
    except (DBusError, OSError):
        return ""


def object_path(full_name: str) -> str:
    """Return the D-Bus object path of a unit."""
    escaped = "".join(
        char if char.isalnum() and (index or not char.isdigit()) else f"_{ord(char):02x}"
        for index, char in enumerate(full_name)
    )
    return f"/org/freedesktop/systemd1/unit/{escaped}"
