"""ansible.builtin.copy and template: the part on the host. The operator has read or rendered the content."""

from __future__ import annotations

import os
import stat
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import content_placement, folder_copy, paths
from kprov.agent.files.attributes import set_attributes

ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"type": "path"},
    "content": {"type": "raw"},
    "dest": {"type": "path", "required": True},
    "backup": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": True},
    "validate": {},
    "directory_mode": {"type": "raw"},
    "remote_src": {"type": "bool", "default": False},
    "local_follow": {"type": "bool"},
    "checksum": {},
    "follow": {"type": "bool", "default": False},
    "decrypt": {"type": "bool", "default": True},
}
RULES: dict[str, Any] = {"diff": True, "file_arguments": True, "mutually_exclusive": [["src", "content"]]}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Copy a content (`_sha256`) or a tree (`_tree`) of the operator, or `src` of this host, to `dest`."""
    if "/" not in args["dest"]:
        args["dest"] = "./" + args["dest"]
    if args.get("_tree") is not None:
        return folder_copy.place_tree(args, context)
    if args.get("_sha256") is not None:
        return content_placement.place_content(args, context)
    return _copy_on_host(args, context)


def _copy_on_host(args: dict[str, Any], context: Context) -> dict[str, Any]:
    src, dest = args["src"], args["dest"]
    sums = _check_source(src)
    args = content_placement.resolve_preserve(args, stat.S_IMODE(os.stat(src).st_mode))
    content_placement.check_checksum(sums["sha1"] if sums else "", args)
    changed = False
    if dest.endswith("/") and not paths.exists(os.path.dirname(dest)):
        if context.check:
            text = f"dest directory {os.path.dirname(dest)} would be created"
            return {"changed": True, "msg": text, "src": src}
        changed = content_placement.make_folders(os.path.dirname(dest), args)
    target = os.path.join(dest, os.path.basename(src)) if paths.is_folder(dest) else dest
    if paths.exists(target):
        if args["follow"]:
            target = os.path.realpath(target) if paths.is_link(target) else target
        if not args["force"]:
            return _add_path_info(
                {"changed": False, "msg": "file already exists", "src": src, "dest": target}
            )
    else:
        content_placement.find_writable_folder(target, args)
    result: dict[str, Any] = {"dest": target, "src": src}
    if sums is None:
        changed = folder_copy.copy_tree(src, dest, args, context) or changed
    else:
        result.update(md5sum=sums["md5"], checksum=sums["sha1"])
        target_sums = None if paths.is_link(target) else content_placement.file_checksums(target)
        if target_sums is None or target_sums["sha1"] != sums["sha1"]:
            changed = True
            result.update(_copy_file(src, target, args, context))
    result["changed"] = set_attributes(target, args, check=context.check, follow=args["follow"]) or changed
    if sums is None:
        result.update(md5sum=None, checksum=None)
    return _add_path_info(result)


def _check_source(src: str) -> dict[str, str] | None:
    """Return the checksums of a source file, None for a folder. Raises ModuleError."""
    if not paths.exists(src):
        raise ModuleError(f"Source {src} not found")
    if not os.access(src, os.R_OK):
        raise ModuleError(f"Source {src} not readable")
    sums = content_placement.file_checksums(src, md5=True)
    if sums is None and not paths.is_folder(src):
        raise ModuleError(f"Cannot copy invalid source '{src}': not a file")
    return sums


def _copy_file(src: str, target: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if context.diff:
        after = paths.read_for_diff(src) or b""
        result["diff"] = [paths.content_difference(target, paths.read_for_diff(target), after)]
    if not context.check:
        aside = paths.make_temporary_copy(
            src, content_placement.find_writable_folder(target, args), os.path.splitext(target)[1]
        )
        try:
            content_placement.run_validate(aside, args)
            if args["backup"] and paths.exists(target):
                result["backup_file"] = paths.make_backup(target)
            paths.replace_file(aside, target, {**args, "follow": False, "validate": None}, keep=False)
        finally:
            if os.path.lexists(aside):
                os.unlink(aside)
    return result


def _add_path_info(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, **paths.path_info(result["dest"])}
