"""ansible.builtin.command and shell (`_shell`)."""

from __future__ import annotations

import datetime as dt
import os
import shlex
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths

ARGUMENTS: dict[str, dict[str, Any]] = {
    "cmd": {},
    "argv": {"type": "list", "elements": "str"},
    "chdir": {"type": "path"},
    "executable": {},
    "expand_argument_vars": {"type": "bool", "default": True},
    "creates": {"type": "path"},
    "removes": {"type": "path"},
    "stdin": {},
    "stdin_add_newline": {"type": "bool", "default": True},
    "strip_empty_ends": {"type": "bool", "default": True},
}
_COMMAND_ARGUMENTS = ["_raw_params", "cmd", "argv"]
RULES: dict[str, Any] = {"required_one_of": [_COMMAND_ARGUMENTS], "mutually_exclusive": [_COMMAND_ARGUMENTS]}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run a program, unless `creates` or `removes` skips it. In check mode, run nothing."""
    result: dict[str, Any] = {
        "changed": False,
        "stdout": "",
        "stderr": "",
        "rc": None,
        "cmd": None,
        "start": None,
    }
    result.update(end=None, delta=None, msg="")
    line = args.get("_raw_params") or args["cmd"]
    shell = bool(args.get("_shell"))
    command: Any = line if shell else shlex.split(line) if line else args["argv"]
    if not command:
        raise ModuleError("no command given", rc=256)
    result["cmd"] = command
    if args["executable"] and not shell:
        text = (
            "As of Ansible 2.4, the parameter 'executable' is no longer supported with the 'command' module."
        )
        result["warnings"] = [f"{text} Not using '{args['executable']}'."]
    folder = args["chdir"]
    if folder and not paths.is_folder(folder):
        result.pop("msg")
        raise ModuleError("Unable to change directory before execution.", **result, **_empty_lines())
    skipped = _skip_reason(args, context)
    if skipped:
        return _add_lines({**result, **skipped, "rc": 0})
    if context.check:
        result.update(rc=0, msg="Command would have run if not in check mode", changed=True)
        if args["creates"] is None and args["removes"] is None:
            result.update(skipped=True, changed=False)
        return _add_lines(result)
    return _run_program(command, args, result)


def _skip_reason(args: dict[str, Any], context: Context) -> dict[str, Any] | None:
    """Return the result values if `creates` or `removes` skips the command, else None."""
    verb = "Would" if context.check else "Did"
    for name, skip_if_present, word in (("creates", True, "exists"), ("removes", False, "does not exist")):
        path = args[name]
        if path and bool(paths.expand_glob(path, args["chdir"])) == skip_if_present:
            text = f"{verb} not run command since '{path}' {word}"
            return {"msg": text, "stdout": f"skipped, since {path} {word}"}
    return None


def _run_program(command: Any, args: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    shell = bool(args.get("_shell"))
    words = command
    if not shell and args["expand_argument_vars"]:
        words = [os.path.expanduser(_expand_variables(word)) for word in command]
    data = args["stdin"] or ""
    if data and args["stdin_add_newline"]:
        data += "\n"
    start = _local_time()
    try:
        code, out, err = process.run_program(
            words,
            stdin=data.encode("utf-8", "surrogateescape"),
            shell=(args["executable"] or "/bin/sh") if shell else None,
            cwd=args["chdir"],
        )
    except OSError as error:
        text = f"Error executing command: {error}"
        command_text = shlex.join(command) if isinstance(command, list) else command
        raise ModuleError(
            text, rc=error.errno, cmd=command_text, stdout="", stderr="", **_empty_lines()
        ) from None
    end = _local_time()
    if args["strip_empty_ends"]:
        out, err = out.rstrip("\r\n"), err.rstrip("\r\n")
    result.update(changed=True, rc=code, stdout=out, stderr=err)
    result.update(start=str(start), end=str(end), delta=str(end - start))
    if code:
        killed = process.describe_signal("the shell" if shell else str(words[0]), code)
        result.update(failed=True, msg="non-zero return code" + (f": {killed}" if killed else ""))
    return _add_lines(result)


def _local_time() -> dt.datetime:
    """Return the local time without a zone, the form of Ansible's results."""
    return dt.datetime.now().astimezone().replace(tzinfo=None)


def _expand_variables(word: str) -> str:
    """Expand the variables of a word, also those of the task's environment."""
    saved = dict(os.environ)
    os.environ.update(process.get_environment())
    try:
        return os.path.expandvars(word)
    finally:
        os.environ.clear()
        os.environ.update(saved)


def _add_lines(result: dict[str, Any]) -> dict[str, Any]:
    return {
        **result,
        "stdout_lines": result["stdout"].splitlines(),
        "stderr_lines": result["stderr"].splitlines(),
    }


def _empty_lines() -> dict[str, Any]:
    return {"stdout_lines": [], "stderr_lines": []}
