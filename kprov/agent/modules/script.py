# Paths are used as the texts they arrive as.
# ruff: noqa: PTH101, PTH108, PTH110
"""ansible.builtin.script: a program of the operator's, run here."""

from __future__ import annotations

import os
import shlex
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run the content `_sha256` with `_arguments`."""
    for key, unwanted in (("creates", True), ("removes", False)):
        path = args.get(key)
        if path and os.path.exists(path) == unwanted:
            word = "exists" if unwanted else "does not exist"
            return {"changed": False, "skipped": True, "msg": f"{path} {word}, matching '{key}'"}
    if context.check:
        decided = bool(args.get("creates") or args.get("removes"))
        return {
            "changed": decided,
            "skipped": not decided,
            "msg": "Script would have run if not in check mode",
        }
    path = context.content_file(args["_sha256"])
    try:
        os.chmod(path, 0o700)
        start = shlex.split(args.get("executable") or "")
        code, out, err = process.run(
            [*start, path, *shlex.split(args.get("_arguments") or "")], cwd=args.get("chdir")
        )
    finally:
        os.unlink(path)
    result = {"changed": True, "rc": code, "stdout": out, "stderr": err, "stdout_lines": out.splitlines(),
              "stderr_lines": err.splitlines()}  # fmt: skip
    if code:
        result.update(failed=True, msg="non-zero return code")
    return result
