"""ansible.builtin.user: users of the host."""

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
    """Create, change or remove a user."""
    warnings = _find_warnings(args)
    result = (
        _ensure_absent(args, context)
        if args["state"] == "absent"
        else _ensure_present(args, context, warnings)
    )
    return {**result, "warnings": warnings} if warnings else result


def _ensure_absent(args: dict[str, Any], context: Context) -> dict[str, Any]:
    name = args["name"]
    result: dict[str, Any] = {"name": name, "state": "absent", "changed": False}
    if _find_user(name) is None:
        return result
    if context.check:
        return {"changed": True}
    options = [*(["-f"] if args["force"] else []), *(["-r"] if args["remove"] else [])]
    _run_command(["userdel", *options, name], name, result)
    return {**result, "force": args["force"], "remove": args["remove"]}


def _ensure_present(args: dict[str, Any], context: Context, warnings: list[str]) -> dict[str, Any]:
    name, user_entry = args["name"], _find_user(args["name"])
    result: dict[str, Any] = {"name": name, "state": "present", "changed": False}
    if user_entry is None:
        if context.check:
            return {"changed": True}
        _create_user(args, result)
        result.update(system=args["system"], create_home=args["create_home"])
    else:
        options = _usermod_options(args, user_entry)
        if options:
            result["changed"] = True
            if not context.check:
                _run_command(["usermod", *options, name], name, result)
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
    _set_password_ages(args, result, check=context.check)
    return result


def _create_user(args: dict[str, Any], result: dict[str, Any]) -> None:
    """Create the user and its home. useradd does not make missing folders above the home."""
    home, name = args["home"], args["name"]
    has_missing_parents = bool(home and args["create_home"] and not os.path.isdir(os.path.dirname(home)))
    options = _new_group_options(args)
    if has_missing_parents:
        user_home.create_home(home, args["skeleton"])
    options += [*_account_options(args), *_home_options(args)]
    _run_command(["useradd", *options, name], name, result)
    if has_missing_parents:
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
        options += ["-e", _format_date(args["expires"])]
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


def _new_group_options(args: dict[str, Any]) -> list[str]:
    options: list[str] = []
    if args["group"] is not None:
        _find_group(args["group"])
        options += ["-g", args["group"]]
    elif _group_exists(args["name"]):
        # The group with the user's name exists: useradd must not create it.
        options.append("-N")
    if args["groups"]:
        for group in args["groups"]:
            _find_group(group)
        options += ["-G", ",".join(sorted({group for group in args["groups"] if group}))]
    return options


def _usermod_options(args: dict[str, Any], current: pwd.struct_passwd) -> list[str]:
    """Return usermod's options for all properties that differ."""
    options: list[str] = []
    if args["uid"] not in (None, current.pw_uid):
        options += ["-u", str(args["uid"]), *(["-o"] if args["non_unique"] else [])]
    if args["group"] is not None:
        primary = _find_group(args["group"]).gr_gid
        if primary != current.pw_gid:
            options += ["-g", str(primary)]
    if args["groups"] is not None:
        options += _group_options(args)
    for key, option, value in (
        ("comment", "-c", current.pw_gecos),
        ("home", "-d", current.pw_dir),
        ("shell", "-s", current.pw_shell),
    ):
        if args[key] not in (None, value):
            options += [option, args[key]]
            if key == "home" and args["move_home"]:
                options.append("-m")
    shadow = _read_shadow(args["name"])
    if args["expires"] is not None:
        options += _expiry_options(args["expires"], _parse_days(shadow[_EXPIRE]))
    if args["password_expire_account_disable"] is not None:
        options += ["-f", str(args["password_expire_account_disable"])]
    return options + _password_options(
        args, shadow[_PASSWORD] if len(current.pw_passwd) < 2 else current.pw_passwd
    )


def _group_options(args: dict[str, Any]) -> list[str]:
    """Return usermod's options for the groups besides the primary one."""
    current = {group.gr_name for group in grp.getgrall() if args["name"] in group.gr_mem}
    requested = {_find_group(group.strip()).gr_name for group in args["groups"] if group.strip()}
    if not requested:
        return ["-G", ""] if current and not args["append"] else []
    if not (requested - current if args["append"] else requested ^ current):
        return []
    return [*(["-a"] if args["append"] else []), "-G", ",".join(sorted(requested))]


def _password_options(args: dict[str, Any], current: str) -> list[str]:
    password, lock = args["password"], args["password_lock"]
    if (
        password is not None
        and args["update_password"] == "always"
        and current.lstrip("!") != password.lstrip("!")
    ):
        return ["-p", ("!" if lock else "") + password]
    if lock and not current.startswith("!"):
        return ["-L"]
    return ["-U"] if lock is False and current.startswith("!") else []


def _expiry_options(requested: float, current_days: int) -> list[str]:
    if requested < 0:
        return ["-e", ""] if current_days >= 0 else []
    return (
        ["-e", _format_date(requested)]
        if current_days < 0 or _format_date(current_days * 86400) != _format_date(requested)
        else []
    )


def _format_date(seconds: float) -> str:
    """Format a day for useradd; "" for never."""
    try:
        return "" if seconds < 0 else time.strftime("%Y-%m-%d", time.gmtime(seconds))
    except (OverflowError, ValueError) as error:
        raise ModuleError(f"Invalid value for 'expires' {seconds}: {error}") from None


def _set_password_ages(args: dict[str, Any], result: dict[str, Any], *, check: bool) -> None:
    """Set the ages of the password with chage: usermod cannot set them."""
    shadow = _read_shadow(args["name"])
    options: list[str] = []
    for key, option, field in (("min", "-m", _MIN), ("max", "-M", _MAX), ("warn", "-W", _WARN)):
        requested = args[f"password_expire_{key}"]
        if requested is not None and requested != _parse_days(shadow[field]):
            options += [option, str(requested)]
    if options:
        result["changed"] = True
        if not check:
            _run_command(["chage", *options, args["name"]], args["name"], {})


def _run_command(command: list[str], name: str, result: dict[str, Any]) -> None:
    try:
        code, out, err = process.run_program(command)
    except FileNotFoundError:
        raise ModuleError(f'Failed to find required executable "{command[0]}"') from None
    if code:
        raise ModuleError(err, name=name, rc=code)
    result["changed"] = True
    for key, output in (("stdout", out), ("stderr", err)):
        if output:
            result.update({key: output, f"{key}_lines": output.splitlines()})


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _group_exists(group: str) -> bool:
    try:
        _find_group(group)
    except ModuleError:
        return False
    return True


def _find_group(group: str) -> grp.struct_group:
    try:
        return grp.getgrgid(int(group))
    except (ValueError, KeyError):
        try:
            return grp.getgrnam(group)
        except KeyError:
            raise ModuleError(f"Group {group} does not exist") from None


def _read_shadow(name: str) -> list[str]:
    """Return the fields of the user's line in /etc/shadow; empty fields if it is unreadable."""
    try:
        with open("/etc/shadow", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if fields[0] == name and len(fields) > _EXPIRE:
                    return fields
    except OSError:
        pass
    return [""] * 9


def _parse_days(field: str) -> int:
    return int(field) if field else -1


def _find_warnings(args: dict[str, Any]) -> list[str]:
    warnings = []
    if args["append"] and args["groups"] is None:
        warnings.append(
            "'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups."
            "This will change to an error in Ansible 2.14."
        )
    password = args["password"]
    if password and password not in ("*", "!", "*************") and not _is_hashed(password):
        warnings.append(
            "The input password appears not to have been hashed. "
            "The 'password' argument must be encrypted for this module to work properly."
        )
    return warnings


def _is_hashed(password: str) -> bool:
    fields = password.split("$")
    if len(fields) < 3 or any(char in password for char in ":*!"):
        return False
    size = _HASH_SIZES.get(fields[1], len(fields[-1]))
    return len(fields[-1]) == size and re.search(r"[^a-zA-Z0-9./=]", fields[-1]) is None
