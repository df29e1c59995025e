# Paths are used as the texts they arrive as.
# ruff: noqa: PTH110
"""ansible.posix.sysctl."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have `name = value` in sysctl_file and, with sysctl_set or reload, in the kernel."""
    name, path = args["name"], args.get("sysctl_file") or "/etc/sysctl.conf"
    present = args.get("state", "present") == "present"
    value = _plain(args.get("value"))
    kernel = "/proc/sys/" + name.translate(str.maketrans("./", "/."))
    before = files.read_text(path) if os.path.exists(path) else ""
    after = _text(before, name, value if present else None)
    changed = after != before
    result: dict[str, Any] = {"changed": changed}
    if changed and context.diff:
        result["diff"] = [files.difference(path, before.encode(), after.encode())]
    if changed and not context.check:
        files.write(path, after.encode(), {})
    reload = truth(args.get("reload"), default=True) and changed
    if present and (reload or truth(args.get("sysctl_set"))):
        now = _read(kernel)
        if now is None:
            if not truth(args.get("ignoreerrors")) and not context.check:
                raise ModuleError(f"setting {name} failed: there is no such kernel parameter")
        elif now != value:
            result["changed"] = True
            if not context.check:
                _set(kernel, name, value, ignore=truth(args.get("ignoreerrors")))
    return result


def _set(kernel: str, name: str, value: str, *, ignore: bool) -> None:
    try:
        with open(kernel, "w") as file:
            file.write(value)
    except OSError as error:
        if not ignore:
            raise ModuleError(f"setting {name} failed: {error.strerror}") from None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return " ".join(str("" if value is None else value).split())


def _read(kernel: str) -> str | None:
    try:
        with open(kernel) as file:
            return " ".join(file.read().split())
    except OSError:
        return None


def _text(before: str, name: str, value: str | None) -> str:
    lines, found = [], False
    for line in before.splitlines():
        key = line.split("=", 1)[0].strip().lstrip("-").strip()
        if "=" not in line or line.lstrip().startswith(("#", ";")) or key != name:
            lines.append(line)
        elif value is not None and not found:
            found = True
            same = _plain(line.split("=", 1)[1]) == value
            lines.append(line if same else f"{name}={value}")
    if value is not None and not found:
        lines.append(f"{name}={value}")
    return "".join(line + "\n" for line in lines)
