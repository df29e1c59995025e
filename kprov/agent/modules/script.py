"""ansible.builtin.script: runs a program of the operator on the host."""

from __future__ import annotations

import os
import shlex
import tempfile
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths

ARGUMENTS: dict[str, dict[str, Any]] = {
    "cmd": {},
    "creates": {},
    "removes": {},
    "chdir": {},
    "executable": {},
    "decrypt": {"type": "bool", "default": True},
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run the content `_sha256` with `_arguments`, which a shell splits; `_name` is the script's name."""
    for name, skip_if_present, word in (("creates", True, "exists"), ("removes", False, "does not exist")):
        path = args[name]
        if path and paths.exists(os.path.expanduser(path)) == skip_if_present:
            return {"changed": False, "skipped": True, "msg": f"{path} {word}, matching {name} option"}
    if args["chdir"] and not args["chdir"].startswith("/"):
        raise ModuleError(f"chdir {args['chdir']} must be an absolute path for a Unix-aware remote node")
    if context.check:
        if args["creates"] or args["removes"]:
            return {"changed": True}
        return {"changed": False, "skipped": True, "msg": "Check mode is not supported for this task."}
    path = context.content_file(args["_sha256"], _find_executable_folder(), "-" + args.get("_name", "script"))
    try:
        os.chmod(path, 0o700)
        line = " ".join(filter(None, [args["executable"], shlex.quote(path), args.get("_arguments")]))
        code, out, err = process.run_program(line, shell="/bin/sh", cwd=args["chdir"])
    finally:
        os.unlink(path)
    result = {
        "changed": True,
        "rc": code,
        "stdout": out,
        "stderr": err,
        "stdout_lines": out.splitlines(),
        "stderr_lines": err.splitlines(),
    }
    if code:
        result.update(failed=True, msg="non-zero return code")
    return result


def _find_executable_folder() -> str:
    """Return a folder whose file system allows programs to run."""
    folder = tempfile.gettempdir()
    return os.path.expanduser("~") if os.statvfs(folder).f_flag & os.ST_NOEXEC else folder
