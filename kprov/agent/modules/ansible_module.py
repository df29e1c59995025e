"""Runs a module of Ansible that kprov does not implement, as a separate program, as Ansible does.

`_kind` selects how the module gets its arguments: `ansiballz` is a zip of a Python module with ansible-core's
module_utils, which reads them from standard input; `jsonargs` is a program with a placeholder for them;
`want_json`, `binary` and `old` are programs that get the path of a file with them, in JSON, or for `old` as
NAME=VALUE words.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from typing import Any

from kprov.agent import process, temporary_files
from kprov.agent.context import Context, ModuleError

#: Payloads by SHA-256, so that the operator sends each only once.
_payloads: dict[str, bytes] = {}
_JSONARGS = b"<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"
_COMPLEX = b'"<<INCLUDE_ANSIBLE_MODULE_COMPLEX_ARGS>>"'
#: Starts the module of a payload as ansible-core's AnsiballZ does. Its arguments are on standard input.
_START = """
import json, os, runpy, sys
here = os.path.dirname(os.path.realpath(__file__))
sys.path = [path for path in sys.path if path not in ("", ".", here)]
payload, name, profile = sys.argv[1:4]
data = sys.stdin.buffer.read()
sys.argv = [payload]
sys.path.insert(0, payload)
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = data
basic._ANSIBLE_PROFILE = profile
runpy.run_module(name, {"_module_fqn": name, "_modlib_path": payload}, "__main__", True)
"""


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run the payload `_sha256` with `_arguments`; return the result that it printed."""
    kind, name = args["_kind"], args["_name"]
    data = _load_payload(args["_sha256"], context)
    if context.check and kind != "ansiballz" and b"_ansible_check_mode" not in data:
        text = f"remote module ({name}) does not support check mode"
        return {"changed": False, "skipped": True, "msg": text}
    folder = temporary_files.make_name(_find_executable_folder())
    os.mkdir(folder, 0o700)
    try:
        arguments = {
            **args["_arguments"],
            "_ansible_check_mode": context.check,
            "_ansible_diff": context.diff,
            "_ansible_tmpdir": folder,
            "_ansible_remote_tmp": folder,
        }
        command, stdin = _command(kind, data, arguments, args, folder)
        code, out, err = process.run_program(command, stdin=stdin)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _parse_result(name, code, out, err)


def _load_payload(sha256: str, context: Context) -> bytes:
    if sha256 not in _payloads:
        _payloads[sha256] = context.content(sha256)
    return _payloads[sha256]


def _command(
    kind: str, data: bytes, arguments: dict[str, Any], args: dict[str, Any], folder: str
) -> tuple[list[str], bytes]:
    """Write the module's files to the folder; return the command line and its standard input."""
    text = json.dumps(arguments).encode()
    if kind == "ansiballz":
        start = _write(folder, "start.py", _START.encode())
        payload = _write(folder, "payload.zip", data)
        stdin = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        return [sys.executable, start, payload, args["_module"], args["_profile"]], stdin
    if kind == "jsonargs":
        data = data.replace(_COMPLEX, repr(text.decode()).encode()).replace(_JSONARGS, text)
        return [*_interpreter_words(data), _write(folder, args["_name"], data)], b""
    if kind == "old":
        text = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in arguments.items()).encode()
    program = _write(folder, args["_name"], data)
    return [*_interpreter_words(data), program, _write(folder, "args", text)], b""


def _interpreter_words(data: bytes) -> list[str]:
    """Return the interpreter of the first line; replace every Python by the agent's."""
    line = data[:1024].split(b"\n", 1)[0]
    if not line.startswith(b"#!"):
        return []
    words = shlex.split(line[2:].decode("utf-8", "surrogateescape"))
    if words and os.path.basename(words[0]) == "env":
        words = words[1:]
    return [sys.executable, *words[1:]] if words and os.path.basename(words[0])[:6] == "python" else words


def _write(folder: str, name: str, data: bytes) -> str:
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o700)
    return path


def _find_executable_folder() -> str:
    """Return a folder whose file system allows programs to run."""
    import tempfile

    folder = tempfile.gettempdir()
    return os.path.expanduser("~") if os.statvfs(folder).f_flag & os.ST_NOEXEC else folder


def _parse_result(name: str, code: int, out: str, err: str) -> dict[str, Any]:
    """Parse the JSON object that a module printed; ignore text before and after it, with a warning."""
    lines = out.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip()[:1] == "{"), None)
    last = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].strip()[-1:] == "}"), None)
    try:
        if first is None or last is None:
            raise ValueError("no JSON object")
        result: dict[str, Any] = json.loads("\n".join(lines[first : last + 1]))
    except ValueError as error:
        text = f"the module {name} printed no result ({error}), exit code {code}"
        raise ModuleError(
            f"{text}; see module_stdout and module_stderr", module_stdout=out, module_stderr=err, rc=code
        ) from None
    junk = "\n".join([*lines[:first], *lines[last + 1 :]]).strip()
    if junk:
        result.setdefault("warnings", []).append(f"the module {name} printed more than its result: {junk}")
    if "failed" not in result and result.get("rc") not in (None, 0, "0"):
        result["failed"] = True
    return result
