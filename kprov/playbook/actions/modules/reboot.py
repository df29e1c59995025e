"""ansible.builtin.reboot: reboot the host, wait for a new boot id, and run a test command."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from typing import Any

from kprov.errors import PreflightError, UnreachableError
from kprov.playbook.actions.call import ActionError, Call
from kprov.transport import agent_modules

_PATHS = ["/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin"]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "boot_time_command": {"default": "cat /proc/sys/kernel/random/boot_id"},
    "connect_timeout": {"type": "int"},
    "msg": {"default": "Reboot initiated by Ansible"},
    "post_reboot_delay": {"type": "int", "default": 0, "aliases": ["post_reboot_delay_sec"]},
    "pre_reboot_delay": {"type": "int", "default": 0, "aliases": ["pre_reboot_delay_sec"]},
    "reboot_command": {},
    "reboot_timeout": {"type": "int", "default": 600, "aliases": ["reboot_timeout_sec"]},
    "search_paths": {"type": "list", "elements": "str", "default": _PATHS},
    "test_command": {"default": "whoami"},
}
#: Distributions with another reboot command.
_COMMANDS = {"alpine": "reboot", "void": "shutdown -r +{minutes} {message}"}
_COMMAND = "shutdown -r {minutes} {message}"
#: Seconds between two checks of a host that reboots.
_PAUSE = 1.0


class _NotYetError(Exception):
    """The host is not in the expected state yet; the text says why."""


def run(call: Call) -> dict[str, Any]:
    """Reboot the host; the result has `rebooted` and the elapsed seconds."""
    if call.templar.render("{{ ansible_connection | default('ssh') }}", call.scope) == "local":
        text = "Running reboot with local connection would reboot the control node."
        return {"changed": False, "elapsed": 0, "rebooted": False, "failed": True, "msg": text}
    if call.check:
        return {"changed": True, "elapsed": 0, "rebooted": True}
    args = agent_modules.check_arguments("ansible.builtin.reboot", call.args, ARGUMENTS, {})
    before = _read_boot_id(call, args)
    command = _build_command(call, args)
    failed = _start_reboot(call, command)
    start = time.monotonic()
    if failed:
        return {"changed": False, "failed": True, "rebooted": False, "msg": failed, "elapsed": 0}
    time.sleep(max(0, args["post_reboot_delay"]))
    result: dict[str, Any] = {"changed": True, "rebooted": True}
    try:
        _wait_until(lambda: _check_new_boot(call, args, before), "last boot time check", args)
        _wait_until(lambda: _run_test_command(call, args), "post-reboot test command", args)
    except _NotYetError as error:
        result = {"changed": False, "rebooted": True, "failed": True, "msg": str(error)}
    return {**result, "elapsed": int(time.monotonic() - start)}


def _run_shell(call: Call, line: str) -> dict[str, Any]:
    return call.run_module("command", {"_raw_params": line, "_shell": True}, check=False)


def _read_boot_id(call: Call, args: dict[str, Any]) -> str:
    """Return the id of the current boot."""
    result = _run_shell(call, args["boot_time_command"])
    if result.get("rc") != 0:
        raise ActionError(
            f"reboot: failed to get host boot time info, rc: {result.get('rc')}, "
            f"stdout: {result.get('stdout', '')}, stderr: {result.get('stderr', result.get('msg'))}"
        )
    return str(result["stdout"]).strip()


def _build_command(call: Call, args: dict[str, Any]) -> str:
    """Return the reboot command with the full path of the program."""
    line = args["reboot_command"]
    if line is None:
        facts = call.run_module("setup", {"_names": ["ansible_distribution"]}, check=False)["ansible_facts"]
        pattern = _COMMANDS.get(str(facts.get("ansible_distribution", "")).lower(), _COMMAND)
        minutes = max(0, args["pre_reboot_delay"]) // 60
        line = pattern.format(minutes=minutes, message=shlex.quote(args["msg"]))
    program, _, rest = line.partition(" ")
    if not program.startswith("/"):
        paths = [f"{folder}/{program}" for folder in args["search_paths"]]
        words = " ".join(shlex.quote(path) for path in paths)
        look = f'for path in {words}; do if [ -e "$path" ]; then echo "$path"; break; fi; done'
        search_output = str(_run_shell(call, look).get("stdout", "")).strip()
        if not search_output:
            places = f"in search paths: {args['search_paths']}"
            raise ActionError(f'Task failed: Unable to find command "{program}" {places}')
        program = search_output
    return f"{program} {rest}".strip()


def _start_reboot(call: Call, command: str) -> str:
    """Run the reboot command and return why it failed; empty on success, also if the connection is lost."""
    try:
        result = _run_shell(call, command)
    except (UnreachableError, PreflightError):
        return ""
    if result.get("rc") in (0, None) and not result.get("failed"):
        return ""
    out, err = result.get("stdout", ""), result.get("stderr") or result.get("msg", "")
    return f"Reboot command failed. Error was: '{str(out).strip()}, {str(err).strip()}'"


def _wait_until(look: Callable[[], None], what: str, args: dict[str, Any]) -> None:
    """Call `look` until it succeeds. Raises _NotYetError with Ansible's text after the timeout."""
    deadline = time.monotonic() + args["reboot_timeout"]
    while True:
        try:
            look()
        except (_NotYetError, ActionError, UnreachableError, PreflightError):
            if time.monotonic() >= deadline:
                text = f"Timed out waiting for {what} (timeout={args['reboot_timeout']})"
                raise _NotYetError(text) from None
            time.sleep(_PAUSE)
        else:
            return


def _check_new_boot(call: Call, args: dict[str, Any], before: str) -> None:
    call.reconnect(args["connect_timeout"] or 0)
    now = _read_boot_id(call, args)
    if not now or now == before:
        raise _NotYetError("boot time has not changed")


def _run_test_command(call: Call, args: dict[str, Any]) -> None:
    try:
        result = _run_shell(call, args["test_command"])
    except (UnreachableError, PreflightError):
        call.reconnect(args["connect_timeout"] or 0)
        raise
    if result.get("rc") != 0:
        raise _NotYetError(f"Test command failed: {result.get('stderr')} {result.get('stdout')}")
