"""ansible.posix.sysctl. It reads and sets values in /proc/sys, without the program sysctl."""

from __future__ import annotations

import glob
import os
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths as files

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True, "aliases": ["key"]},
    "value": {"aliases": ["val"]},
    "state": {"choices": ["present", "absent"], "default": "present"},
    "reload": {"type": "bool", "default": True},
    "sysctl_set": {"type": "bool", "default": False},
    "ignoreerrors": {"type": "bool", "default": False},
    "sysctl_file": {"type": "path", "default": "/etc/sysctl.conf"},
}
RULES: dict[str, Any] = {"diff": True, "required_if": [["state", "present", ["value"]]]}
_TRUE = ("yes", "on", "1", "true", "t", "y", "1.0")
_FALSE = ("no", "off", "0", "false", "f", "n", "0.0")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Set or remove `name = value` in sysctl_file; with sysctl_set or reload, set it in the kernel too."""
    name, path, present = args["name"].strip(), args["sysctl_file"], args["state"] == "present"
    value = _normalize_value(args["value"])
    for key, text in (("name", name), ("value", value if present else "-")):
        if not text:
            raise ModuleError(f"{key} cannot be blank")
    lines = files.read_text(path).splitlines() if os.path.isfile(path) else []
    in_file = next((file_value for key, file_value in reversed(_parse_pairs(lines)) if key == name), None)
    differs = " ".join((_read_value(name) or "").split()) != " ".join(value.split())
    write = present and in_file != value if present or in_file is None else True
    changed = write or (args["reload"] and present and differs)
    set_now = args["sysctl_set"] and present and differs
    result: dict[str, Any] = {"changed": bool(changed or set_now)}
    after = "".join(line.strip() + "\n" for line in _replace_value(lines, name, value if present else None))
    if write and context.diff:
        before = "".join(line + "\n" for line in lines)
        result["diff"] = [files.content_difference(path, before.encode(), after.encode())]
    if context.check:
        return result
    if set_now:
        _set_in_kernel(name, value, ignore=args["ignoreerrors"])
    if write:
        files.write_file(os.path.realpath(path), after.encode("utf-8", "surrogateescape"), {})
    if result["changed"] and args["reload"]:
        _reload(after, ignore=args["ignoreerrors"])
    return result


def _set_in_kernel(name: str, value: str, *, ignore: bool) -> None:
    """Set a value in the kernel; `ignore` accepts a name that the kernel does not have."""
    if _read_value(name) is None:
        if not ignore:
            raise ModuleError(f"setting {name} failed: {_cannot_stat(name)}")
        return
    problem = _set_value(name, value)
    if problem:
        raise ModuleError(f"setting {name} failed: {problem}")


def _reload(text: str, *, ignore: bool) -> None:
    """Set the values of a file as `sysctl -p` does; `ignore` skips names that the kernel does not have."""
    failures = []
    for name, value in _parse_pairs(text.splitlines()):
        key = name.lstrip("-").strip()
        paths = glob.glob(_value_path(key)) if "*" in key else [_value_path(key)]
        for path in paths:
            if not os.path.exists(path):
                problem = "" if ignore else _cannot_stat(key)
            else:
                problem = _set_path(path, key, value)
            if problem and not name.startswith("-"):
                failures.append(problem)
    if failures:
        raise ModuleError("Failed to reload sysctl: " + "".join(failures))


def _normalize_value(value: str | None) -> str:
    text = (value or "").strip()
    if text.lower() in _TRUE:
        return "1"
    return "0" if text.lower() in _FALSE else text


def _value_path(name: str) -> str:
    """Return the path in /proc/sys. The first dot or slash is the separator; the other sign is literal."""
    dot, slash = name.find("."), name.find("/")
    dots = slash < 0 or 0 <= dot < slash
    return "/proc/sys/" + (name.translate(str.maketrans("./", "/.")) if dots else name)


def _read_value(name: str) -> str | None:
    try:
        return files.read_text(_value_path(name))
    except OSError:
        return None


def _set_value(name: str, value: str) -> str:
    return _set_path(_value_path(name), name, value)


def _set_path(path: str, name: str, value: str) -> str:
    """Set a value; return sysctl's error message if the kernel rejects it, else ""."""
    try:
        with open(path, "w") as file:
            file.write(value + "\n")
    except PermissionError:
        return f'sysctl: permission denied on key "{name}"\n'
    except OSError as error:
        return f'sysctl: setting key "{name}": {error.strerror}\n'
    return ""


def _cannot_stat(name: str) -> str:
    return f"sysctl: cannot stat {_value_path(name)}: No such file or directory\n"


def _parse_pairs(lines: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for line in lines:
        text = line.strip()
        if text and not text.startswith(("#", ";")) and "=" in text:
            key, value = text.split("=", 1)
            pairs.append((key.strip(), value.strip()))
    return pairs


def _replace_value(lines: list[str], name: str, value: str | None) -> list[str]:
    """Return the lines with the name's new value (None: without it). Keep the first of repeated names."""
    result, seen = [], set()
    for line in lines:
        pair = _parse_pairs([line])
        if not pair:
            result.append(line)
            continue
        key, old_value = pair[0]
        if key in seen:
            continue
        seen.add(key)
        if key != name:
            result.append(f"{key}={old_value}")
        elif value is not None:
            result.append(f"{key}={value}")
    if value is not None and name not in seen:
        result.append(f"{name}={value}")
    return result
