# Paths are used as the texts they arrive as.
# ruff: noqa: PTH103, PTH110, PTH111, PTH112, PTH113, PTH116, PTH118, PTH119, PTH120
"""ansible.builtin.copy and template, after the operator has found or rendered the content."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring `dest` to the content `_sha256` (from the operator) or that of `src` (remote_src).

    `_name` is the source's base name for a `dest` that is a directory;
    `_mode` is the source's mode for "preserve".
    `_folders` ([path, ...]) are directories to make below dest before.
    """
    dest = os.path.expanduser(args["dest"])
    remote = truth(args.get("remote_src"))
    if remote and not os.path.isfile(args["src"]):
        raise ModuleError(f"Source {args['src']} not found")
    if dest.endswith("/") or os.path.isdir(dest):
        dest = os.path.join(dest, args.get("_name") or os.path.basename(args["src"]))
    folder = os.path.dirname(dest)
    if folder and not os.path.isdir(folder):
        if not (args.get("_make_folders") or (args["dest"].endswith("/") and args.get("_name"))):
            if context.check:
                return {"dest": dest, "changed": True}
            raise ModuleError(f"Destination directory {folder} does not exist")
        if not context.check:
            os.makedirs(folder, exist_ok=True)
            files.set_attributes(folder, {**args, "mode": args.get("directory_mode")}, check=False)
    wanted = files.sha256(args["src"]) if remote else args["_sha256"]
    if args.get("mode") == "preserve":
        mode = stat.S_IMODE(os.stat(args["src"]).st_mode) if remote else args.get("_mode")
        args = {**args, "mode": f"{mode:04o}"}
    result: dict[str, Any] = {"dest": dest}
    exists = os.path.exists(dest)
    differs = not exists or files.sha256(dest) != wanted
    if exists and differs and not truth(args.get("force"), default=True):
        differs = False
    if differs:
        result["changed"] = True
        if context.diff:
            before = _content(dest) if exists else b""
            after = _content(args["src"]) if remote else context.content(str(wanted))
            result["diff"] = [files.difference(dest, before, after)]
        if not context.check:
            if exists and truth(args.get("backup")):
                result["backup_file"] = files.backup(dest)
            files.replace(_aside(args, context, str(wanted), dest), dest, args)
    else:
        result["changed"] = files.set_attributes(dest, args, check=context.check)
    if not (context.check and not exists):
        result.update(files.describe(dest))
        result["checksum"] = files.sha1(dest)
    return result


def _aside(args: dict[str, Any], context: Context, wanted: str, dest: str) -> str:
    folder = os.path.dirname(os.path.realpath(dest))
    if not truth(args.get("remote_src")):
        return context.content_file(wanted, folder)
    handle, path = tempfile.mkstemp(prefix=".kprov-", dir=folder)
    os.close(handle)
    shutil.copyfile(args["src"], path)
    return path


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
