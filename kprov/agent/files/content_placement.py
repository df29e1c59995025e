"""Writes content from the operator to a path, for copy, template and assemble."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent import checksums as hashing
from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import disk_space, paths
from kprov.agent.files.attributes import set_attributes


def place_content(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write the content `_sha256` to `dest`; return the result of Ansible's copy.

    `_name` is the file's name in a `dest` that is a folder (None for the argument `content`), `_mode` is the
    source's mode for mode "preserve", `_src` is the source's path for the result, `_size` is its size.
    """
    args = resolve_preserve(args, args.get("_mode"))
    dest, name = args["dest"], args.get("_name")
    target = os.path.join(dest, name) if dest.endswith("/") and name else dest
    if paths.is_folder(target):
        if not name:
            raise ModuleError("can not use content with a dir as dest")
        target = os.path.join(target, name)
    path_before_links = target
    if args.get("follow") and paths.exists(target):
        target = os.path.realpath(target)
    if paths.exists(target) and args.get("force") is False:
        return {"changed": False, "dest": dest, "src": args.get("_src")}
    sums = None if paths.is_link(target) else file_checksums(target)
    if sums is None or sums["sha256"] != args["_sha256"]:
        return _replace_content(target, {**args, "_named": path_before_links}, context)
    return set_content_attributes(target, sums["sha1"], args, context)


def resolve_preserve(args: dict[str, Any], mode: int | None) -> dict[str, Any]:
    """Return the arguments with the source's mode instead of "preserve"."""
    return {**args, "mode": mode} if args.get("mode") == "preserve" else args


def file_checksums(path: str, *, md5: bool = False) -> dict[str, str] | None:
    """Return SHA-1, SHA-256 and optionally MD5 of a file, read once; None without a file."""
    if not paths.is_file(path):
        return None
    algorithms = ["sha1", "sha256", "md5"] if md5 else ["sha1", "sha256"]
    with open(path, "rb") as file:
        return hashing.hash_parts(
            algorithms, iter(lambda: file.read(1 << 20), b""), os.fstat(file.fileno()).st_size
        )


def content_checksums(data: bytes) -> dict[str, str]:
    """Return SHA-1, SHA-256 and MD5 of a content."""
    return hashing.hash_parts(("sha1", "sha256", "md5"), [data], len(data))


def set_content_attributes(target: str, sha1: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Set only the attributes of a file with this content; return the result of Ansible's file."""
    diff: dict[str, Any] = {"before": {"path": target}, "after": {"path": target}}
    try:
        changed = set_attributes(target, args, check=context.check, diff=diff)
    except ModuleError as error:
        error.result.update(paths.path_info(target), path=target, checksum=sha1)
        raise
    return {
        "changed": changed,
        "path": target,
        "dest": target,
        "checksum": sha1,
        "diff": diff if context.diff else [],
        **paths.path_info(target),
    }


def _replace_content(target: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": True, "diff": []}
    if context.diff:
        # Do not request a large content from the operator only for a diff.
        large = args.get("_size", 0) > paths.DIFF_LIMIT
        after = b"\0" * (paths.DIFF_LIMIT + 1) if large else context.content(args["_sha256"])
        result["diff"] = [
            paths.content_difference(args["_named"], paths.read_for_diff(target), after, args.get("_src"))
        ]
    if context.check:
        return result
    try:
        return {**result, **_write_content(target, args, context)}
    except ModuleError as error:
        error.result.setdefault("diff", result["diff"])
        if args["_sha256"] in context.blobs:
            error.result.setdefault("checksum", content_checksums(context.blobs[args["_sha256"]])["sha1"])
        if error.result.get("path"):
            error.result.update(paths.path_info(target), path=target)
        raise


def _write_content(target: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if args["dest"].endswith("/"):
        make_folders(os.path.dirname(target), args)
    folder = find_writable_folder(target, args)
    aside = context.content_file(args["_sha256"], folder, os.path.splitext(target)[1])
    try:
        sums = context.sums.get(args["_sha256"]) or file_checksums(aside, md5=True) or {}
        check_checksum(sums["sha1"], args)
        _check_arguments(aside, sums["sha1"], args)
        if args.get("backup") and paths.exists(target):
            result["backup_file"] = paths.make_backup(target)
        paths.replace_file(aside, target, {**args, "follow": False, "validate": None})
    finally:
        if os.path.lexists(aside):
            os.unlink(aside)
    return {
        **result,
        "dest": target,
        "src": args.get("_src"),
        "md5sum": sums["md5"],
        "checksum": sums["sha1"],
        **paths.path_info(target),
    }


def _check_arguments(path: str, sha1: str, args: dict[str, Any]) -> None:
    """Reject invalid attributes or contents before any change."""
    try:
        attributes = {name: args.get(name) for name in ("owner", "group", "mode")}
        set_attributes(path, attributes, check=True)
        run_validate(path, args)
    except ModuleError as error:
        error.result.setdefault("checksum", sha1)
        raise


def check_checksum(sha1: str, args: dict[str, Any]) -> None:
    """Reject a content whose checksum is not `checksum`."""
    if args.get("checksum") and args["checksum"] != sha1:
        raise ModuleError(
            "Copied file does not match the expected checksum. Transfer failed.",
            checksum=sha1,
            expected_checksum=args["checksum"],
        )


def run_validate(path: str, args: dict[str, Any]) -> None:
    """Run `validate` on a temporary file, which already has its owner and mode."""
    if args.get("validate"):
        attributes = {name: args.get(name) for name in ("owner", "group", "mode")}
        set_attributes(path, attributes, check=False)
        code, out, err = paths.run_validator(args["validate"], path)
        if code:
            lines = {"stdout_lines": out.splitlines(), "stderr_lines": err.splitlines()}
            # Ansible's message, unless the program was killed by a signal.
            killed = process.describe_signal(args["validate"].split()[0], code)
            text = f"failed to validate: {killed}" if killed else "failed to validate"
            raise ModuleError(text, exit_status=code, stdout=out, stderr=err, **lines)


def make_folders(folder: str, args: dict[str, Any]) -> bool:
    """Make a folder and its missing parents, with `directory_mode` and the owner of the arguments."""
    missing = []
    while folder and not paths.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        os.mkdir(path)
        set_attributes(path, {**args, "mode": args.get("directory_mode")}, check=False)
    return bool(missing)


def find_writable_folder(target: str, args: dict[str, Any]) -> str:
    """Return the folder for a temporary file beside the target. Raises ModuleError with Ansible's text."""
    folder = os.path.dirname(target) or "."
    if not paths.exists(folder):
        raise ModuleError(f"Destination directory {os.path.dirname(target)} does not exist")
    if not os.access(folder, os.W_OK):
        if not args.get("unsafe_writes"):
            reason = disk_space.explain_write_failure(folder)
            raise ModuleError(f"Destination {os.path.dirname(target)} not writable{reason}")
        import tempfile

        return tempfile.gettempdir()
    return folder
