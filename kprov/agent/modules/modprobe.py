# Paths are used as the texts they arrive as.
# ruff: noqa: PTH112, PTH119
"""community.general.modprobe; a module that is built into the kernel is there."""

from __future__ import annotations

import os
import platform
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Load or unload a kernel module."""
    name, state = args["name"], args.get("state", "present")
    loaded = _loaded(name)
    result = {
        "name": name,
        "params": args.get("params", ""),
        "state": state,
        "changed": loaded != (state == "present"),
    }
    if result["changed"] and not context.check:
        parameters = str(args.get("params") or "").split()
        command = ["modprobe", name, *parameters] if state == "present" else ["modprobe", "-r", name]
        try:
            code, out, err = process.run(command)
        except FileNotFoundError:
            raise ModuleError("modprobe is not installed on this host", **result) from None
        if code:
            raise ModuleError((err or out).strip(), rc=code, **result)
    return result


def _loaded(name: str) -> bool:
    wanted = name.replace("-", "_")
    if os.path.isdir(f"/sys/module/{wanted}"):
        return True
    try:
        with open("/proc/modules") as file:
            if any(line.split()[0] == wanted for line in file):
                return True
    except OSError:
        pass
    try:
        with open(f"/lib/modules/{platform.release()}/modules.builtin") as file:
            return any(
                os.path.basename(line.strip()).split(".ko")[0].replace("-", "_") == wanted for line in file
            )
    except OSError:
        return False
