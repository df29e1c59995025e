# Paths are used as the texts they arrive as.
# ruff: noqa: PTH110
"""ansible.builtin.replace."""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Replace every match of a pattern (multi-line) in a file, between `after` and `before` when given."""
    path = args.get("path") or args.get("dest") or args.get("name") or ""
    if not os.path.exists(path):
        raise ModuleError(f"Path {path} does not exist !", rc=257)
    text = files.read_text(path)
    start, end = 0, len(text)
    if args.get("after"):
        found = re.search(args["after"], text, re.DOTALL)
        if not found:
            return {
                "changed": False,
                "msg": f"Pattern for before/after params did not match the given file: {args['after']}",
            }
        start = found.end()
    if args.get("before"):
        found = re.compile(args["before"], re.DOTALL).search(text, start)
        if not found:
            return {
                "changed": False,
                "msg": f"Pattern for before/after params did not match the given file: {args['before']}",
            }
        end = found.start()
    middle, count = re.subn(args["regexp"], args.get("replace") or "", text[start:end], flags=re.MULTILINE)
    after = text[:start] + middle + text[end:]
    changed = count > 0 and after != text
    result: dict[str, Any] = {
        "changed": changed,
        "msg": f"{count} replacements made" if changed else "",
        "rc": 0,
    }
    old, new = text.encode("utf-8", "surrogateescape"), after.encode("utf-8", "surrogateescape")
    if changed:
        if context.diff:
            result["diff"] = [files.difference(path, old, new)]
        if not context.check:
            if truth(args.get("backup")):
                result["backup_file"] = files.backup(path)
            files.write(path, new, args)
    if files.set_attributes(path, args, check=context.check):
        result["changed"] = True
    return result
