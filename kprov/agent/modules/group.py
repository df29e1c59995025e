"""ansible.builtin.group."""

from __future__ import annotations

import grp
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a group, with a number when one is given, or have it no more."""
    name = args["name"]
    state = args.get("state", "present")
    result: dict[str, Any] = {
        "name": name,
        "state": state,
        "changed": False,
        "system": truth(args.get("system")),
    }
    try:
        now: grp.struct_group | None = grp.getgrnam(name)
    except KeyError:
        now = None
    command: list[str] = []
    if state == "absent":
        command = ["groupdel", name] if now else []
    elif now is None:
        command = ["groupadd"]
        if truth(args.get("system")):
            command.append("-r")
        if args.get("gid") is not None:
            command += ["-g", str(args["gid"])]
        command.append(name)
    elif args.get("gid") is not None and int(args["gid"]) != now.gr_gid:
        command = ["groupmod", "-g", str(args["gid"]), name]
    if command:
        result["changed"] = True
        if not context.check:
            code, _, err = process.run(command)
            if code:
                raise ModuleError(err.strip(), rc=code, name=name)
    if state == "present" and not (context.check and now is None):
        result["gid"] = grp.getgrnam(name).gr_gid
    return result
