# Paths are used as the texts they arrive as.
# ruff: noqa: PTH111, PTH118, PTH207
"""ansible.builtin.command and shell (`_shell`)."""

from __future__ import annotations

import glob
import os
import shlex
import time
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run a program; `creates` and `removes` skip it, check mode skips it unless they decide."""
    line = args.get("cmd") or args.get("_raw_params") or ""
    argv = args.get("argv")
    if not line and not argv:
        raise ModuleError("no command given", rc=256)
    cwd = args.get("chdir")
    shell = args.get("executable") or "/bin/sh" if args.get("_shell") else None
    command: Any = [str(word) for word in argv] if argv else line if shell else shlex.split(line)
    if not shell and not argv and truth(args.get("expand_argument_vars"), default=True):
        command = [os.path.expanduser(os.path.expandvars(word)) for word in command]
    shown = command if shell else list(command)
    for key, unwanted in (("creates", True), ("removes", False)):
        path = args.get(key)
        if path and bool(glob.glob(os.path.join(cwd or "", path))) == unwanted:
            message = f"Did not run command since '{path}' {'exists' if unwanted else 'does not exist'}"
            return {
                "cmd": shown,
                "stdout": f"skipped, since {path} {'exists' if unwanted else 'does not exist'}",
                "stderr": "",
                "rc": 0,
                "changed": False,
                "msg": message,
                "stdout_lines": [],
                "stderr_lines": [],
            }
    if context.check:
        decided = args.get("creates") or args.get("removes")
        return {
            "cmd": shown,
            "changed": bool(decided),
            "skipped": not decided,
            "rc": 0,
            "stdout": "",
            "stderr": "",
            "stdout_lines": [],
            "stderr_lines": [],
            "msg": "Command would have run if not in check mode",
        }
    stdin = args.get("stdin")
    data = b""
    if stdin is not None:
        data = str(stdin).encode() + (b"\n" if truth(args.get("stdin_add_newline"), default=True) else b"")
    start = time.time()
    try:
        code, out, err = process.run(command, stdin=data, shell=shell, cwd=cwd)
    except OSError as error:
        raise ModuleError(
            f"Error executing command: [Errno {error.errno}] {error.strerror}: {error.filename!r}",
            cmd=shown,
            rc=error.errno,
            stdout="",
            stderr="",
            stdout_lines=[],
            stderr_lines=[],
        ) from None
    if truth(args.get("strip_empty_ends"), default=True):
        out, err = out.rstrip("\r\n"), err.rstrip("\r\n")
    result = {
        "cmd": shown,
        "rc": code,
        "stdout": out,
        "stderr": err,
        "stdout_lines": out.splitlines(),
        "stderr_lines": err.splitlines(),
        "delta": f"{time.time() - start:.6f}",
        "changed": True,
        "msg": "",
    }
    if code:
        result.update(failed=True, msg="non-zero return code")
    return result
