"""Functions for modules that edit a text file: backup, writing, attributes, message and diff."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import modes, paths
from kprov.agent.files.attributes import group_id, owner_id, set_attributes

_ATTRIBUTES = "ownership, perms or SE linux context changed"


def read_original(args: dict[str, Any], label: str, *, create: bool) -> bytes | None:
    """Return a file's content; None for a new file. `label` is the first word of the error without a file."""
    path = args["path"]
    if paths.is_folder(path):
        raise ModuleError(f"Path {path} is a directory !", rc=256)
    if paths.exists(path):
        return paths.read_bytes(path)
    if not create:
        raise ModuleError(f"{label} {path} does not exist !", rc=257)
    return None


def write_result(
    path: str, old: bytes | None, new: bytes, message: str, args: dict[str, Any], context: Context
) -> dict[str, Any]:
    """Write the edited file and set attributes; return the result. No message means: same content."""
    result: dict[str, Any] = {"changed": bool(message), "msg": message}
    attributes: dict[str, Any] = {}
    if old is not None:
        # A new file gets its attributes before it is renamed.
        attributes_changed = set_attributes(path, args, check=context.check or bool(message), diff=attributes)
    else:
        attributes_changed = bool(message) and not context.check and _differs_from_default(args, attributes)
    if message and not context.check:
        if args.get("backup") and old is not None:
            result["backup_file"] = paths.make_backup(path)
        folder = os.path.dirname(os.path.realpath(path))
        if not paths.exists(folder):
            os.makedirs(folder)
        paths.write_file(path, new, {**args, "follow": True})
    if attributes_changed:
        result["msg"] = f"{message} and {_ATTRIBUTES}" if message else _ATTRIBUTES
        result["changed"] = True
    if context.diff:
        content = paths.text_difference(path, old or b"", new)
        stays_missing = context.check and old is None
        result["diff"] = content if stays_missing else [content, _attribute_diff(path, attributes)]
    return result


def _attribute_diff(path: str, attributes: dict[str, Any]) -> dict[str, Any]:
    header = f"{path} (file attributes)"
    return {**attributes, "before_header": header, "after_header": header}


def _differs_from_default(args: dict[str, Any], diff: dict[str, Any]) -> bool:
    """Whether a new file's attributes differ from the defaults, which Ansible's message mentions."""
    base = 0o666 & ~modes.read_umask()
    differences: dict[str, tuple[Any, Any]] = {}
    if args.get("owner") is not None:
        differences["owner"] = (os.geteuid(), owner_id(args["owner"]))
    if args.get("group") is not None:
        differences["group"] = (os.getegid(), group_id(args["group"]))
    if args.get("mode") is not None:
        differences["mode"] = (
            modes.format_mode(base),
            modes.format_mode(modes.parse_mode(args["mode"], base)),
        )
    if args.get("attributes") is not None:
        differences["attributes"] = ("", args["attributes"])
    for name, (before, after) in differences.items():
        if before != after:
            diff.setdefault("before", {})[name] = before
            diff.setdefault("after", {})[name] = after
    return bool(diff)
