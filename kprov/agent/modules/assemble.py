"""ansible.builtin.assemble: a file from fragments."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent import temporary_files
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import content_placement, fragments, paths
from kprov.agent.files.attributes import set_attributes

ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"type": "path", "required": True},
    "delimiter": {},
    "dest": {"type": "path", "required": True},
    "backup": {"type": "bool", "default": False},
    "remote_src": {"type": "bool", "default": True},
    "regexp": {},
    "ignore_hidden": {"type": "bool", "default": False},
    "validate": {},
    "decrypt": {"type": "bool", "default": True},
}
RULES: dict[str, Any] = {"diff": True, "file_arguments": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write `dest` from the fragments in `src`, or from the operator's fragments (`_sha256`)."""
    if args.get("_sha256") is not None:
        return _place_from_operator(args, context)
    src, dest = args["src"], args["dest"]
    if not paths.exists(src):
        raise ModuleError(f"Source ({src}) does not exist")
    if not paths.is_folder(src):
        raise ModuleError(f"Source ({src}) is not a directory")
    if args["validate"] and "%s" not in args["validate"]:
        raise ModuleError(f"validate must contain %s: {args['validate']}")
    data = fragments.join_fragments(
        src, args["delimiter"], args["regexp"], ignore_hidden=args["ignore_hidden"], always_newline=False
    )
    sums = content_placement.content_checksums(data)
    result: dict[str, Any] = {"src": src, "dest": dest, "msg": "OK"}
    result.update(checksum=sums["sha1"], md5sum=sums["md5"])
    current_sums = content_placement.file_checksums(dest)
    changed = current_sums is None or current_sums["sha1"] != sums["sha1"]
    if changed:
        if context.diff:
            result["diff"] = [paths.content_difference(dest, paths.read_for_diff(dest), data)]
        if args["validate"]:
            result["validation"] = _run_validate(data, args["validate"])
        if current_sums and args["backup"] and not context.check:
            result["backup_file"] = paths.make_backup(dest)
        if not context.check:
            paths.write_file(dest, data, {**args, "follow": False, "validate": None})
    result["changed"] = set_attributes(dest, args, check=context.check, follow=False) or changed
    return {**result, **paths.path_info(dest)}


def _place_from_operator(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write the operator's content. Like Ansible, return a diff even if nothing changes."""
    data = context.content(args["_sha256"])
    sums = content_placement.content_checksums(data)
    before = paths.read_for_diff(args["dest"]) if context.diff else None
    result = content_placement.place_content(args, context)
    result.update(md5sum=sums["md5"], checksum=sums["sha1"])
    result.setdefault("dest", args["dest"])
    result["diff"] = (
        paths.content_difference(args["dest"], before, data, args.get("_src")) if context.diff else {}
    )
    return result


def _run_validate(data: bytes, command: str) -> dict[str, Any]:
    """Run the program of `validate` on a content; return its output."""
    handle, path = temporary_files.make_file()
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        code, out, err = paths.run_validator(command, path)
    finally:
        os.unlink(path)
    if code:
        raise ModuleError(f"failed to validate: rc:{code} error:{err}")
    return {"rc": code, "stdout": out, "stderr": err}
