"""ansible.builtin.group: groups of the host."""

from __future__ import annotations

import grp
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "state": {"choices": ["absent", "present"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "gid": {"type": "int"},
    "system": {"type": "bool", "default": False},
    "local": {"refused": "leave it out: groupadd works on /etc/group (libuser's lgroupadd is what it needs)"},
    "non_unique": {"type": "bool", "default": False},
    "gid_min": {"type": "int"},
    "gid_max": {"type": "int"},
}
RULES: dict[str, Any] = {"required_if": [["non_unique", True, ["gid"]]]}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Create, change or remove a group."""
    name = args["name"]
    group = _find_group(name)
    command = _make_command(args, group)
    if command and context.check and (group is None or args["state"] == "absent"):
        return {"changed": True}
    result: dict[str, Any] = {"name": name, "state": args["state"], "changed": bool(command)}
    if command and not context.check:
        code, out, err = process.run_program([*command, name])
        if code:
            raise ModuleError(err, name=name)
        for key, output in (("stdout", out), ("stderr", err)):
            if output:
                result.update({key: output, f"{key}_lines": output.splitlines()})
    group = _find_group(name)
    if group is not None:
        result.update(system=args["system"], gid=group.gr_gid)
    return result


def _find_group(name: str) -> grp.struct_group | None:
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None


def _make_command(args: dict[str, Any], group: grp.struct_group | None) -> list[str]:
    """Return the command that makes the change, without the group's name; [] if nothing changes."""
    number = ["-g", str(args["gid"]), *(["-o"] if args["non_unique"] else [])]
    if args["state"] == "absent":
        return ["groupdel", *(["-f"] if args["force"] else [])] if group else []
    if group is not None:
        return ["groupmod", *number] if args["gid"] not in (None, group.gr_gid) else []
    command = ["groupadd", *(number if args["gid"] is not None else [])]
    if args["system"]:
        command.append("-r")
    for key in ("gid_min", "gid_max"):
        if args[key] is not None:
            command += ["-K", f"{key.upper()}={args[key]}"]
    return command
