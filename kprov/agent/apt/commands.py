"""Runs apt's programs without questions; waits for locks, and can prevent services from starting."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import struct
import time
from typing import Any

from kprov.agent import process
from kprov.agent.apt import service_policy
from kprov.agent.context import Context, ModuleError

LISTS = "/var/lib/apt/lists"
_STAMP = "/var/lib/apt/periodic/update-success-stamp"
_FRONTEND = "/var/lib/dpkg/lock-frontend"
#: struct flock of Linux on 64 bit: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "C.UTF-8",
    "LC_MESSAGES": "C.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    # needrestart would restart services after the installation. The playbook decides about that.
    "NEEDRESTART_SUSPEND": "1",
}


def find_program(name: str) -> str:
    """Return the full path of a program. Raises ModuleError if it is missing."""
    path = shutil.which(name)
    if path is None:
        raise ModuleError(f'Failed to find required executable "{name}" in paths: {os.environ["PATH"]}')
    return path


def run_command(command: list[str], *, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run a program of the package manager; return exit code, output and errors."""
    return process.run_program(command, stdin=stdin, environment=_ENVIRONMENT)


def output_values(out: str, err: str) -> dict[str, Any]:
    """Return a program's output as return values of a module."""
    return {
        "stdout": out,
        "stderr": err,
        "stdout_lines": out.splitlines(),
        "stderr_lines": err.splitlines(),
    }


def dpkg_options(args: dict[str, Any]) -> str:
    """Return the command line options for dpkg and for the wait for its lock."""
    parts = [f'-o "Dpkg::Options::=--{option}"' for option in args["dpkg_options"].split(",")]
    return " ".join([*parts, f"-o DPkg::Lock::Timeout={args['lock_timeout']}"])


def run_change(command: str, args: dict[str, Any], context: Context) -> tuple[int, str, str]:
    """Run a command that installs or removes packages; repair an interrupted installation if it fails.

    After a power cut in an installation, every later apt-get would fail. The repair removes no package.
    """
    words = shlex.split(command)
    with service_policy_of(args, context):
        code, out, err = run_command(words)
        repairs = [] if context.check or not code else _find_repairs(args)
        repair_problem = ""
        for message, repair in repairs:
            if code and message in err:
                repair_code, _, repair_err = run_command(repair)
                if repair_code:
                    repair_problem += (
                        f"An installation was interrupted, and '{shlex.join(repair)}' failed: {repair_err}"
                    )
                code, out, err = run_command(words)
        err += repair_problem if code else ""
    return code, out, err


def service_policy_of(args: dict[str, Any], context: Context) -> contextlib.AbstractContextManager[None]:
    """Return the context that applies `policy_rc_d` while packages are installed."""
    return service_policy.hold_policy(
        None if context.check else args.get("policy_rc_d"), args["lock_timeout"]
    )


def _find_repairs(args: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return apt-get's advice in its error message, with the command that follows this advice."""
    options = [f"--{option}" for option in args["dpkg_options"].split(",")]
    fix_broken = [
        find_program("apt-get"),
        "-y",
        *shlex.split(dpkg_options(args)),
        "--no-remove",
        "--fix-broken",
        "install",
    ]
    return [
        ("dpkg --configure -a", ["dpkg", *options, "--configure", "-a"]),
        ("--fix-broken install", fix_broken),
    ]


def explain_failure(text: str, err: str, args: dict[str, Any]) -> str:
    """Return the text of a failure. If a lock is the cause, put the process that holds it first."""
    match = re.search(r"Could not get lock (\S+?)\.? It is held by process (\d+)(?: \(([^)]*)\))?", err)
    if match is not None:
        path, pid, name = match.groups()
        holder_text = _describe_lock_holder(path, int(pid), name)
    else:
        # After a wait, apt-get names the holder only on standard output.
        lock = re.search(r"(?:Could not get|Unable to acquire the dpkg frontend) lock \(?(/[^\s),]+)", err)
        found_pid = find_lock_holder(lock[1]) if lock else None
        if lock is None or found_pid is None:
            return text
        holder_text = _describe_lock_holder(lock[1], found_pid)
    return f"{holder_text} for more than {args['lock_timeout']} s; {text}"


def _describe_lock_holder(path: str, pid: int, name: str | None = None) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        name = file.read().strip()
    return f"{path} is held by process {pid} ({name or 'which has ended since'})"


def find_lock_holder(path: str) -> int | None:
    """Return the process that holds a lock; None if there is none, or if it belongs to this agent."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, request))
        return None if kind == fcntl.F_UNLCK else int(pid)
    finally:
        os.close(handle)


def wait_for_lock(path: str, args: dict[str, Any]) -> None:
    """Wait at most `lock_timeout` seconds for a lock. The program that needs the lock would not wait."""
    deadline = time.monotonic() + args["lock_timeout"]
    while True:
        pid = find_lock_holder(path)
        if pid is None:
            return
        if time.monotonic() >= deadline:
            holder_text = f"{_describe_lock_holder(path, pid)} for more than {args['lock_timeout']} s"
            raise ModuleError(f"Failed to lock apt for exclusive operation: {holder_text}")
        time.sleep(0.2)


def wait_for_dpkg(args: dict[str, Any]) -> None:
    """Wait for dpkg's lock: dpkg itself fails at once if another process holds it."""
    wait_for_lock(_FRONTEND, args)


def prepare_diff(out: str) -> dict[str, Any]:
    """Return Ansible's diff: apt-get's output from the state it read to the line with its totals."""
    lines = out.splitlines()
    starts = [
        lines.index(s) for s in ("Resolving dependencies...", "Reading state information...") if s in lines
    ]
    start = starts[0] + 1 if starts else 0
    sums = (n for n, line in enumerate(lines) if re.match(r"[0-9]+ (packages )?upgraded", line))
    return {"prepared": "\n".join(lines[start : next(sums, len(lines)) + 1])}


def read_cache_time() -> int:
    """Return when the package lists were updated, in seconds since 1970; 0 without lists."""
    for path in (_STAMP, LISTS):
        with contextlib.suppress(FileNotFoundError):
            return int(os.stat(path).st_mtime)
    return 0
