"""ansible.builtin.user."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError, truth, words


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a user with these properties, or have it no more."""
    name = args["name"]
    state = args.get("state", "present")
    result: dict[str, Any] = {"name": name, "state": state, "changed": False}
    try:
        now: pwd.struct_passwd | None = pwd.getpwnam(name)
    except KeyError:
        now = None
    command: list[str] = []
    if state == "absent":
        result.update(force=truth(args.get("force")), remove=truth(args.get("remove")))
        if now:
            command = [
                "userdel",
                *(["-f"] if result["force"] else []),
                *(["-r"] if result["remove"] else []),
                name,
            ]
    elif now is None:
        command = ["useradd", *_options(args, None), *_home(args), name]
        result.update(
            system=truth(args.get("system")), create_home=truth(args.get("create_home"), default=True)
        )
    else:
        options = _options(args, now)
        command = ["usermod", *options, name] if options else []
        result.update(append=truth(args.get("append")), move_home=truth(args.get("move_home")))
    if command:
        result["changed"] = True
        if not context.check:
            code, _, err = process.run(command)
            if code:
                raise ModuleError(err.strip(), rc=code, name=name)
    if state == "present" and not (context.check and now is None):
        user = pwd.getpwnam(name)
        result.update(
            uid=user.pw_uid, group=user.pw_gid, comment=user.pw_gecos, home=user.pw_dir, shell=user.pw_shell
        )
    return result


def _home(args: dict[str, Any]) -> list[str]:
    create = args.get("create_home", args.get("createhome"))
    options = ["-m"] if truth(create, default=True) else ["-M"]
    if truth(args.get("system")):
        options.append("-r")
    if not args.get("group"):
        try:
            grp.getgrnam(args["name"])
            options.append("-N")
            options += ["-g", args["name"]]
        except KeyError:
            pass
    return options


def _options(args: dict[str, Any], now: pwd.struct_passwd | None) -> list[str]:
    """Options of useradd (now is None) or usermod that bring what differs."""
    options: list[str] = []
    for key, option, value in (
        ("uid", "-u", str(now.pw_uid) if now else None),
        ("comment", "-c", now.pw_gecos if now else None),
        ("home", "-d", now.pw_dir if now else None),
        ("shell", "-s", now.pw_shell if now else None),
    ):
        if args.get(key) is not None and str(args[key]) != value:
            options += [option, str(args[key])]
            if key == "home" and now and truth(args.get("move_home")):
                options.append("-m")
    if args.get("group") is not None:
        wanted = _gid(args["group"])
        if now is None or wanted != now.pw_gid:
            options += ["-g", str(args["group"])]
    if args.get("groups") is not None:
        wanted_groups = set(words(args["groups"]))
        current = {group.gr_name for group in grp.getgrall() if args["name"] in group.gr_mem}
        append = truth(args.get("append"))
        if now is None:
            if wanted_groups:
                options += ["-G", ",".join(sorted(wanted_groups))]
        elif wanted_groups - current or (current - wanted_groups and not append):
            options += [*(["-a"] if append else []), "-G", ",".join(sorted(wanted_groups))]
    password = args.get("password")
    if password is not None and (
        now is None
        or (args.get("update_password", "always") == "always" and _shadow(args["name"]) != password)
    ):
        options += ["-p", password]
    if args.get("password_lock") is not None and now is not None:
        locked = _shadow(args["name"]).startswith("!")
        if truth(args["password_lock"]) != locked:
            options.append("-U" if locked else "-L")
    return options


def _gid(group: Any) -> int:
    try:
        return int(group) if str(group).isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ModuleError(f"Group {group} does not exist") from None


def _shadow(name: str) -> str:
    if not os.access("/etc/shadow", os.R_OK):
        return ""
    with open("/etc/shadow") as file:
        for line in file:
            fields = line.split(":")
            if fields[0] == name:
                return fields[1]
    return ""
