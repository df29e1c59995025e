"""ansible.builtin.user."""

from __future__ import annotations

import grp
import os
import pwd
import re
import time
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.system import user_home

_NOT_LINUX = {"refused": "leave it out: it has no effect on Linux"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True, "aliases": ["user"]},
    "state": {"choices": ["absent", "present"], "default": "present"},
    "uid": {"type": "int"},
    "non_unique": {"type": "bool", "default": False},
    "group": {},
    "groups": {"type": "list", "elements": "str"},
    "append": {"type": "bool", "default": False},
    "comment": {},
    "home": {"type": "path"},
    "shell": {"type": "path"},
    "password": {"no_log": True},
    "update_password": {"default": "always", "choices": ["always", "on_create"]},
    "password_lock": {"type": "bool"},
    "password_expire_max": {"type": "int"},
    "password_expire_min": {"type": "int"},
    "password_expire_warn": {"type": "int"},
    "password_expire_account_disable": {"type": "int"},
    "expires": {"type": "float"},
    "seuser": {},
    "force": {"type": "bool", "default": False},
    "remove": {"type": "bool", "default": False},
    "create_home": {"type": "bool", "default": True, "aliases": ["createhome"]},
    "move_home": {"type": "bool", "default": False},
    "skeleton": {},
    "umask": {},
    "system": {"type": "bool", "default": False},
    "generate_ssh_key": {"type": "bool"},
    "ssh_key_bits": {"type": "int", "default": 0},
    "ssh_key_type": {"default": "rsa"},
    "ssh_key_file": {"type": "path"},
    "ssh_key_comment": {},
    "ssh_key_passphrase": {"no_log": True},
    "uid_min": {"type": "int"},
    "uid_max": {"type": "int"},
    "local": {"refused": "leave it out: useradd works on /etc/passwd (libuser's luseradd is what it needs)"},
    **dict.fromkeys(("hidden", "login_class", "profile", "authorization", "role"), _NOT_LINUX),
}
#: Fields of shadow(5).
_PASSWORD, _MIN, _MAX, _WARN, _EXPIRE = 1, 3, 4, 5, 7
_HASH_SIZES = {"1": 22, "5": 43, "6": 86, "y": 43}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a user with these properties, or have it no more."""
    warnings = _warnings(args)
    result = (
        _ensure_absent(args, context)
        if args["state"] == "absent"
        else _ensure_present(args, context, warnings)
    )
    return {**result, "warnings": warnings} if warnings else result


def _ensure_absent(args: dict[str, Any], context: Context) -> dict[str, Any]:
    name = args["name"]
    result: dict[str, Any] = {"name": name, "state": "absent", "changed": False}
    if _user(name) is None:
        return result
    if context.check:
        return {"changed": True}
    options = [*(["-f"] if args["force"] else []), *(["-r"] if args["remove"] else [])]
    _run_commands(["userdel", *options, name], name, result)
    return {**result, "force": args["force"], "remove": args["remove"]}


def _ensure_present(args: dict[str, Any], context: Context, warnings: list[str]) -> dict[str, Any]:
    name, now = args["name"], _user(args["name"])
    result: dict[str, Any] = {"name": name, "state": "present", "changed": False}
    if now is None:
        if context.check:
            return {"changed": True}
        _create(args, result)
        result.update(system=args["system"], create_home=args["create_home"])
    else:
        options = _differences(args, now)
        if options:
            result["changed"] = True
            if not context.check:
                _run_commands(["usermod", *options, name], name, result)
        result.update(append=args["append"], move_home=args["move_home"])
    if args["password"] is not None:
        result["password"] = "NOT_LOGGING_PASSWORD"
    user = pwd.getpwnam(name)
    result.update(
        uid=user.pw_uid, group=user.pw_gid, comment=user.pw_gecos, home=user.pw_dir, shell=user.pw_shell
    )
    if args["groups"] is not None:
        result["groups"] = ",".join(args["groups"])
    home = args["home"] or user.pw_dir
    if args["create_home"] and not os.path.exists(home):
        result["changed"] = True
        if not context.check:
            user_home.create_home(home, args["skeleton"])
            user_home.change_owner(home, user.pw_uid, user.pw_gid)
    if args["generate_ssh_key"]:
        user_home.ensure_ssh_key(args, user, result, warnings, check=context.check)
    _expiry(args, result, check=context.check)
    return result


def _create(args: dict[str, Any], result: dict[str, Any]) -> None:
    """useradd, which makes no folders above the home."""
    home, name = args["home"], args["name"]
    deep = bool(home and args["create_home"] and not os.path.isdir(os.path.dirname(home)))
    options = _new_groups(args)
    if deep:
        user_home.create_home(home, args["skeleton"])
    options += [*_account_options(args), *_home_options(args)]
    _run_commands(["useradd", *options, name], name, result)
    if deep:
        user = pwd.getpwnam(name)
        user_home.change_owner(home, user.pw_uid, user.pw_gid)


def _account_options(args: dict[str, Any]) -> list[str]:
    """Return useradd's options for the account and its password."""
    options: list[str] = []
    for option, value in (("-u", args["uid"]), ("-Z", args["seuser"]), ("-c", args["comment"])):
        if value is not None:
            options += [option, str(value)]
    for option, value in (("-d", args["home"]), ("-s", args["shell"])):
        if value is not None:
            options += [option, str(value)]
    if args["uid"] is not None and args["non_unique"]:
        options.append("-o")
    if args["expires"] is not None:
        options += ["-e", _date(args["expires"])]
    if args["password_expire_account_disable"] is not None:
        options += ["-f", str(args["password_expire_account_disable"])]
    if args["password"] is not None:
        options += ["-p", ("!" if args["password_lock"] else "") + args["password"]]
    return options


def _home_options(args: dict[str, Any]) -> list[str]:
    """Return useradd's options for the home, and for a system account."""
    options: list[str] = []
    options.append("-m" if args["create_home"] else "-M")
    if args["create_home"] and args["skeleton"] is not None:
        options += ["-k", args["skeleton"]]
    if args["create_home"] and args["umask"] is not None:
        options += ["-K", f"UMASK={args['umask']}"]
    if args["system"]:
        options.append("-r")
    for key in ("uid_min", "uid_max"):
        if args[key] is not None:
            options += ["-K", f"{key.upper()}={args[key]}"]
    return options


def _new_groups(args: dict[str, Any]) -> list[str]:
    options: list[str] = []
    if args["group"] is not None:
        _group(args["group"])
        options += ["-g", args["group"]]
    elif _read_known(args["name"]):
        # Its own group is there already: useradd must not try to make it.
        options.append("-N")
    if args["groups"]:
        for group in args["groups"]:
            _group(group)
        options += ["-G", ",".join(sorted({group for group in args["groups"] if group}))]
    return options


def _differences(args: dict[str, Any], now: pwd.struct_passwd) -> list[str]:
    """Options of usermod that bring what differs."""
    options: list[str] = []
    if args["uid"] not in (None, now.pw_uid):
        options += ["-u", str(args["uid"]), *(["-o"] if args["non_unique"] else [])]
    if args["group"] is not None:
        primary = _group(args["group"]).gr_gid
        if primary != now.pw_gid:
            options += ["-g", str(primary)]
    if args["groups"] is not None:
        options += _groups(args)
    for key, option, value in (
        ("comment", "-c", now.pw_gecos),
        ("home", "-d", now.pw_dir),
        ("shell", "-s", now.pw_shell),
    ):
        if args[key] not in (None, value):
            options += [option, args[key]]
            if key == "home" and args["move_home"]:
                options.append("-m")
    shadow = _shadow(args["name"])
    if args["expires"] is not None:
        options += _expires(args["expires"], _days(shadow[_EXPIRE]))
    if args["password_expire_account_disable"] is not None:
        options += ["-f", str(args["password_expire_account_disable"])]
    return options + _password(args, shadow[_PASSWORD] if len(now.pw_passwd) < 2 else now.pw_passwd)


def _groups(args: dict[str, Any]) -> list[str]:
    """Groups besides the primary one."""
    current = {group.gr_name for group in grp.getgrall() if args["name"] in group.gr_mem}
    wanted = {_group(group.strip()).gr_name for group in args["groups"] if group.strip()}
    if not wanted:
        return ["-G", ""] if current and not args["append"] else []
    if not (wanted - current if args["append"] else wanted ^ current):
        return []
    return [*(["-a"] if args["append"] else []), "-G", ",".join(sorted(wanted))]


def _password(args: dict[str, Any], now: str) -> list[str]:
    password, lock = args["password"], args["password_lock"]
    if (
        password is not None
        and args["update_password"] == "always"
        and now.lstrip("!") != password.lstrip("!")
    ):
        return ["-p", ("!" if lock else "") + password]
    if lock and not now.startswith("!"):
        return ["-L"]
    return ["-U"] if lock is False and now.startswith("!") else []


def _expires(wanted: float, days: int) -> list[str]:
    if wanted < 0:
        return ["-e", ""] if days >= 0 else []
    return ["-e", _date(wanted)] if days < 0 or _date(days * 86400) != _date(wanted) else []


def _date(seconds: float) -> str:
    """A day as useradd takes it; "" for never."""
    try:
        return "" if seconds < 0 else time.strftime("%Y-%m-%d", time.gmtime(seconds))
    except (OverflowError, ValueError) as error:
        raise ModuleError(f"Invalid value for 'expires' {seconds}: {error}") from None


def _expiry(args: dict[str, Any], result: dict[str, Any], *, check: bool) -> None:
    """Ages of the password, which usermod does not set."""
    shadow = _shadow(args["name"])
    options: list[str] = []
    for key, option, field in (("min", "-m", _MIN), ("max", "-M", _MAX), ("warn", "-W", _WARN)):
        wanted = args[f"password_expire_{key}"]
        if wanted is not None and wanted != _days(shadow[field]):
            options += [option, str(wanted)]
    if options:
        result["changed"] = True
        if not check:
            _run_commands(["chage", *options, args["name"]], args["name"], {})


def _run_commands(command: list[str], name: str, result: dict[str, Any]) -> None:
    try:
        code, out, err = process.run_program(command)
    except FileNotFoundError:
        raise ModuleError(f'Failed to find required executable "{command[0]}"') from None
    if code:
        raise ModuleError(err, name=name, rc=code)
    result["changed"] = True
    for key, said in (("stdout", out), ("stderr", err)):
        if said:
            result.update({key: said, f"{key}_lines": said.splitlines()})


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _read_known(group: str) -> bool:
    try:
        _group(group)
    except ModuleError:
        return False
    return True


def _group(group: str) -> grp.struct_group:
    try:
        return grp.getgrgid(int(group))
    except (ValueError, KeyError):
        try:
            return grp.getgrnam(group)
        except KeyError:
            raise ModuleError(f"Group {group} does not exist") from None


def _shadow(name: str) -> list[str]:
    """The user's line of /etc/shadow; empty fields where it cannot be read."""
    try:
        with open("/etc/shadow", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if fields[0] == name and len(fields) > _EXPIRE:
                    return fields
    except OSError:
        pass
    return [""] * 9


def _days(field: str) -> int:
    return int(field) if field else -1


def _warnings(args: dict[str, Any]) -> list[str]:
    found = []
    if args["append"] and args["groups"] is None:
        found.append(
            "'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups."
            "This will change to an error in Ansible 2.14."
        )
    password = args["password"]
    if password and password not in ("*", "!", "*************") and not _is_hashed(password):
        found.append(
            "The input password appears not to have been hashed. "
            "The 'password' argument must be encrypted for this module to work properly."
        )
    return found


def _is_hashed(password: str) -> bool:
    fields = password.split("$")
    if len(fields) < 3 or any(char in password for char in ":*!"):
        return False
    size = _HASH_SIZES.get(fields[1], len(fields[-1]))
    return len(fields[-1]) == size and re.search(r"[^a-zA-Z0-9./=]", fields[-1]) is None
