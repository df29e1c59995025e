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
#: Cached users and groups: each lookup reads a file or asks a directory service.
_looked_up: dict[tuple[str, Any], Any] = {}


def forget_names() -> None:
    """Empty the cache: users and groups may have changed."""
    _looked_up.clear()


def _look_up(look: Callable[[Any], Any], what: Any) -> Any:
    """Return the cached entry of pwd's or grp's function `look`. Raises KeyError."""
    key = (look.__name__, what)
    if key not in _looked_up:
        _looked_up[key] = look(what)
    return _looked_up[key]


def owner_id(owner: Any) -> int:
    """Return the uid of a name or number."""
    if isinstance(owner, int) or str(owner).isdigit():
        return int(owner)
    try:
        return int(_look_up(pwd.getpwnam, owner).pw_uid)
    except KeyError:
        raise ModuleError(f"chown failed: failed to look up user {owner}") from None


def group_id(group: Any) -> int:
    """Return the gid of a name or number."""
    if isinstance(group, int) or str(group).isdigit():
        return int(group)
    try:
        return int(_look_up(grp.getgrnam, group).gr_gid)
    except KeyError:
        raise ModuleError(f"chgrp failed: failed to look up group {group}") from None


def name_of(look: Any, number: int) -> str:
    """Return the name of a uid or gid, or the number as text."""
    try:
        return str(_look_up(look, number)[0])
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
    """Set owner, group, mode and attributes of a path; return whether that is a change.

    `follow` selects the target of a link instead of the link. `diff` gets "before" and "after" of what
    differs. A path that is not there counts as a change in check mode.
    """
    if follow:
        path = os.path.realpath(path) if os.path.islink(path) else path
    _check_selinux(path, args)
    if not has_attributes(args):
        return False
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        if check:
            return True
        raise
    try:
        changed = _set_owner(path, args, now, check=check, diff=diff)
        changed = _set_mode(path, args.get("mode"), now, check=check, diff=diff) or changed
        return _set_flags(path, args.get("attributes"), check=check, diff=diff) or changed
    except ModuleError as error:
        error.result.setdefault("path", path)
        raise


def _note_difference(diff: dict[str, Any] | None, name: str, before: Any, after: Any) -> None:
    if diff is not None:
        diff.setdefault("before", {})[name] = before
        diff.setdefault("after", {})[name] = after


def _set_owner(
    path: str, args: dict[str, Any], now: os.stat_result, *, check: bool, diff: dict[str, Any] | None
) -> bool:
    uid = owner_id(args["owner"]) if args.get("owner") is not None else now.st_uid
    gid = group_id(args["group"]) if args.get("group") is not None else now.st_gid
    if uid != now.st_uid:
        _note_difference(diff, "owner", now.st_uid, uid)
    if gid != now.st_gid:
        _note_difference(diff, "group", now.st_gid, gid)
    if (uid, gid) == (now.st_uid, now.st_gid):
        return False
    if not check:
        try:
            os.lchown(path, uid, gid)
        except OSError as error:
            what = "chown" if uid != now.st_uid else "chgrp"
            raise ModuleError(f"{what} failed: {error}") from None
    return True


def _set_mode(path: str, mode: Any, now: os.stat_result, *, check: bool, diff: dict[str, Any] | None) -> bool:
    # Links have no modes on Linux.
    if mode is None or mode == "preserve" or stat.S_ISLNK(now.st_mode):
        return False
    # A change of the owner has removed setuid and setgid.
    current = stat.S_IMODE(now.st_mode if check else os.lstat(path).st_mode)
    wanted = modes.parse_mode(mode, current, directory=stat.S_ISDIR(now.st_mode))
    if wanted != current:
        _note_difference(diff, "mode", modes.format_mode(current), modes.format_mode(wanted))
        if not check:
            os.chmod(path, wanted)
    return wanted != current


def _set_flags(path: str, attributes: Any, *, check: bool, diff: dict[str, Any] | None) -> bool:
    if attributes is None:
        return False
    import shutil

    sign = attributes[0] if attributes[:1] in ("-", "+", "=") else "="
    wanted = attributes.lstrip("-+=") if attributes[:1] == sign else attributes
    existing = read_flags(path).get("attr_flags", "")
    if not wanted or (existing == wanted and sign != "-") or shutil.which("chattr") is None:
        return False
    _note_difference(diff, "attributes", existing, sign + wanted)
    if not check:
        code, out, err = process.run_program(["chattr", sign + wanted, path])
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
    """version, attr_flags and attributes as lsattr has them; empty where it has none or is not there."""
    import shutil

    if shutil.which("lsattr") is None:
        return {}
    code, out, _ = process.run_program(["lsattr", "-vd", path])
    parts = out.split()
    if code or len(parts) < 2:
        return {}
    letters = parts[1].replace("-", "")
    named = [_FLAG_NAMES[letter] for letter in letters if letter in _FLAG_NAMES]
    return {"version": parts[0], "attr_flags": letters, "attributes": named}


def _check_selinux(path: str, args: dict[str, Any]) -> None:
    """Reject SELinux arguments if SELinux is on; like Ansible, ignore them if it is off."""
    asked = [name for name in _SELINUX if args.get(name) is not None]
    if asked and os.path.isdir("/sys/fs/selinux") and os.listdir("/sys/fs/selinux"):
        text = f"{', '.join(asked)}: contexts are not supported on a host with SELinux"
        raise ModuleError(f"{text}; use command: chcon or restorecon", path=path)
