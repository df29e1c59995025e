"""community.general.modprobe: kernel modules. A module that is built into the kernel counts as loaded."""

from __future__ import annotations

import os
import platform
import re
import shlex
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths as files

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "state": {"choices": ["absent", "present"], "default": "present"},
    "params": {"default": ""},
    "persistent": {"choices": ["disabled", "present", "absent"], "default": "disabled"},
}
RULES: dict[str, Any] = {"diff": True}
_LOAD, _OPTIONS = "/etc/modules-load.d", "/etc/modprobe.d"


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Load or unload a kernel module now, and with `persistent` also at the next boot."""
    name, state = args["name"], args["state"]
    result = {"changed": False, "name": name, "params": args["params"], "state": state}
    if _is_loaded(name) != (state == "present"):
        _change_module(args, context, result)
    if args["persistent"] != "disabled":
        _persist(args, context, result)
    return result


def _change_module(args: dict[str, Any], context: Context, result: dict[str, Any]) -> None:
    name, parameters = args["name"], shlex.split(args["params"])
    present = args["state"] == "present"
    command = [*(["-n"] if context.check else []), *([name, *parameters] if present else ["-r", name])]
    _run(command, result)
    result["changed"] = context.check or not present or _is_loaded(name)
    if not result["changed"]:
        code, _, err = process.run_program(["modprobe", "-n", "--first-time", name, *parameters])
        if code:
            result.setdefault("warnings", []).append(err)


def _run(command: list[str], result: dict[str, Any]) -> None:
    try:
        code, out, err = process.run_program(["modprobe", *command])
    except FileNotFoundError:
        raise ModuleError('Failed to find required executable "modprobe"', **result) from None
    if code:
        lines = {"stdout_lines": out.splitlines(), "stderr_lines": err.splitlines()}
        raise ModuleError(err, rc=code, stdout=out, stderr=err, **lines, **result)


def _is_loaded(name: str) -> bool:
    module_name = name.replace("-", "_")
    if os.path.isdir(f"/sys/module/{module_name}"):
        return True
    try:
        with open("/proc/modules") as file:
            if any(line.split()[0] == module_name for line in file):
                return True
    except OSError:
        pass
    try:
        with open(f"/lib/modules/{platform.release()}/modules.builtin") as file:
            return any(
                os.path.basename(line.strip()).split(".ko")[0].replace("-", "_") == module_name
                for line in file
            )
    except OSError:
        return False


def _persist(args: dict[str, Any], context: Context, result: dict[str, Any]) -> None:
    name, parameters = args["name"], args["params"].split()
    load_pattern = re.compile(rf"^ *{name} *(?:[#;].*)?\n?\Z")
    options_pattern = re.compile(rf"^options {name} (\w+=\S+) *(?:[#;].*)?\n?\Z")
    loads_at_boot = any(load_pattern.match(line) for _, lines in _read_files(_LOAD) for line in lines)
    current_parameters = {
        match[1]
        for _, lines in _read_files(_OPTIONS)
        for line in lines
        for match in [options_pattern.match(line)]
        if match
    }
    present = args["persistent"] == "present"
    if present and not loads_at_boot:
        _write(f"{_LOAD}/{name}.conf", f"{name}\n", context, result)
    if present and current_parameters != set(parameters):
        _comment_out(_OPTIONS, options_pattern, context, result)
        text = "\n".join(f"options {name} {parameter}" for parameter in parameters) + "\n"
        _write(f"{_OPTIONS}/{name}.conf", text, context, result)
    if not present:
        _comment_out(_LOAD, load_pattern, context, result)
        _comment_out(_OPTIONS, options_pattern, context, result)


def _read_files(folder: str) -> list[tuple[str, list[str]]]:
    if not os.path.isdir(folder):
        return []
    paths = [os.path.join(folder, name) for name in os.listdir(folder)]
    return [(path, files.read_text(path).splitlines(keepends=True)) for path in paths if os.path.isfile(path)]


def _comment_out(folder: str, pattern: re.Pattern[str], context: Context, result: dict[str, Any]) -> None:
    """Comment out the lines that match."""
    for path, lines in _read_files(folder):
        after = ["#" + line if pattern.match(line) else line for line in lines]
        if after != lines:
            _write(path, "".join(after), context, result)


def _write(path: str, text: str, context: Context, result: dict[str, Any]) -> None:
    result["changed"] = True
    if context.diff:
        before = files.read_text(path) if os.path.exists(path) else ""
        result.setdefault("diff", []).append(files.content_difference(path, before.encode(), text.encode()))
    if not context.check:
        files.write_file(path, text.encode("utf-8", "surrogateescape"), {})
