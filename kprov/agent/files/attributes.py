"""Sets owner, group, mode and chattr's attributes of paths, in Ansible's order and with its diff."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Any, Callable

from kprov.agent import process
from kprov.agent.context import ModuleError
from kprov.agent.files import modes

_SELINUX = ("seuser", "serole", "setype", "selevel")
#: Cached users and groups: each lookup reads a file or queries a directory service.
_name_cache: dict[tuple[str, Any], Any] = {}


def forget_names() -> None:
    """Empty the cache: users and groups may have changed."""
    _name_cache.clear()


def _look_up_name(function: Callable[[Any], Any], key: Any) -> Any:
    """Return the cached entry of a lookup function of pwd or grp. Raises KeyError."""
    cache_key = (function.__name__, key)
    if cache_key not in _name_cache:
        _name_cache[cache_key] = function(key)
    return _name_cache[cache_key]


def owner_id(owner: Any) -> int:
    """Return the uid of a name or number."""
    if isinstance(owner, int) or str(owner).isdigit():
        return int(owner)
    try:
        return int(_look_up_name(pwd.getpwnam, owner).pw_uid)
    except KeyError:
        raise ModuleError(f"chown failed: failed to look up user {owner}") from None


def group_id(group: Any) -> int:
    """Return the gid of a name or number."""
    if isinstance(group, int) or str(group).isdigit():
        return int(group)
    try:
        return int(_look_up_name(grp.getgrnam, group).gr_gid)
    except KeyError:
        raise ModuleError(f"chgrp failed: failed to look up group {group}") from None


def name_of(function: Any, number: int) -> str:
    """Return the name of a uid or gid, or the number as text."""
    try:
        return str(_look_up_name(function, number)[0])
    except KeyError:
        return str(number)


def has_attributes(args: dict[str, Any]) -> bool:
    """Whether the arguments set any attribute."""
    return any(args.get(name) is not None for name in ("owner", "group", "mode", "attributes"))


def set_attributes(
    path: str,
    args: dict[str, Any],
    *,
    check: bool,
    follow: bool = True,
    diff: dict[str, Any] | None = None,
) -> bool:
    """Set owner, group, mode and attributes of a path; return whether they change.

    `follow` selects the target of a link instead of the link. `diff` gets "before" and "after" of each
    difference. In check mode, a missing path counts as a change.
    """
    if follow:
        path = os.path.realpath(path) if os.path.islink(path) else path
    _check_selinux(path, args)
    if not has_attributes(args):
        return False
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        if check:
            return True
        raise
    try:
        changed = _set_owner(path, args, status, check=check, diff=diff)
        changed = _set_mode(path, args.get("mode"), status, check=check, diff=diff) or changed
        return _set_flags(path, args.get("attributes"), check=check, diff=diff) or changed
    except ModuleError as error:
        error.result.setdefault("path", path)
        raise


def _add_difference(diff: dict[str, Any] | None, name: str, before: Any, after: Any) -> None:
    if diff is not None:
        diff.setdefault("before", {})[name] = before
        diff.setdefault("after", {})[name] = after


def _set_owner(
    path: str, args: dict[str, Any], status: os.stat_result, *, check: bool, diff: dict[str, Any] | None
) -> bool:
    uid = owner_id(args["owner"]) if args.get("owner") is not None else status.st_uid
    gid = group_id(args["group"]) if args.get("group") is not None else status.st_gid
    if uid != status.st_uid:
        _add_difference(diff, "owner", status.st_uid, uid)
    if gid != status.st_gid:
        _add_difference(diff, "group", status.st_gid, gid)
    if (uid, gid) == (status.st_uid, status.st_gid):
        return False
    if not check:
        try:
            os.lchown(path, uid, gid)
        except OSError as error:
            program = "chown" if uid != status.st_uid else "chgrp"
            raise ModuleError(f"{program} failed: {error}") from None
    return True


def _set_mode(
    path: str, mode: Any, status: os.stat_result, *, check: bool, diff: dict[str, Any] | None
) -> bool:
    # Links have no modes on Linux.
    if mode is None or mode == "preserve" or stat.S_ISLNK(status.st_mode):
        return False
    # A change of the owner has removed setuid and setgid.
    current = stat.S_IMODE(status.st_mode if check else os.lstat(path).st_mode)
    requested = modes.parse_mode(mode, current, directory=stat.S_ISDIR(status.st_mode))
    if requested != current:
        _add_difference(diff, "mode", modes.format_mode(current), modes.format_mode(requested))
        if not check:
            os.chmod(path, requested)
    return requested != current


def _set_flags(path: str, attributes: Any, *, check: bool, diff: dict[str, Any] | None) -> bool:
    if attributes is None:
        return False
    import shutil

    operator = attributes[0] if attributes[:1] in ("-", "+", "=") else "="
    requested = attributes.lstrip("-+=") if attributes[:1] == operator else attributes
    existing = read_flags(path).get("attr_flags", "")
    if not requested or (existing == requested and operator != "-") or shutil.which("chattr") is None:
        return False
    _add_difference(diff, "attributes", existing, operator + requested)
    if not check:
        code, out, err = process.run_program(["chattr", operator + requested, path])
        if code or err:
            raise ModuleError("chattr failed", details=f"Error while setting attributes: {out}{err}")
    return True


_FLAG_NAMES = {
    "A": "noatime", "a": "append", "c": "compressed", "C": "nocow", "d": "nodump", "D": "dirsync",
    "e": "extents", "E": "encrypted", "h": "blocksize", "i": "immutable", "I": "indexed", "j": "journalled",
    "N": "inline", "s": "zero", "S": "synchronous", "t": "notail", "T": "blockroot", "u": "undelete",
    "X": "compressedraw", "Z": "compresseddirty",
}  # fmt: skip


def read_flags(path: str) -> dict[str, Any]:
    """Return version, attr_flags and attributes of lsattr; {} without lsattr or if it fails."""
    import shutil

    if shutil.which("lsattr") is None:
        return {}
    code, out, _ = process.run_program(["lsattr", "-vd", path])
    parts = out.split()
    if code or len(parts) < 2:
        return {}
    letters = parts[1].replace("-", "")
    names = [_FLAG_NAMES[letter] for letter in letters if letter in _FLAG_NAMES]
    return {"version": parts[0], "attr_flags": letters, "attributes": names}


def _check_selinux(path: str, args: dict[str, Any]) -> None:
    """Reject SELinux arguments if SELinux is on; like Ansible, ignore them if it is off."""
    requested = [name for name in _SELINUX if args.get(name) is not None]
    if requested and os.path.isdir("/sys/fs/selinux") and os.listdir("/sys/fs/selinux"):
        text = f"{', '.join(requested)}: contexts are not supported on a host with SELinux"
        raise ModuleError(f"{text}; use command: chcon or restorecon", path=path)
