"""Starts a module in the background, for the keyword `async`. Its result is in ~/.ansible_async/JOB."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from typing import Any

from kprov.agent import process, temporary_files
from kprov.agent.context import Context

ARGUMENTS: dict[str, dict[str, Any]] = {
    "module": {"required": True},
    "arguments": {"type": "dict", "required": True},
    "seconds": {"type": "int", "required": True},
}
RULES: dict[str, Any] = {"read_only": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Start the module; return Ansible's result of a task with `async`: the job's id and file."""
    folder = os.path.expanduser(_job_folder(context))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    job = f"j{random.randrange(10**12)}.{os.getpid()}"
    path = os.path.join(folder, job)
    _write(path, {"started": True, "finished": False, "ansible_job_id": job})
    sha256 = args["arguments"].get("_sha256")
    if sha256:
        # The worker cannot request this content from the operator.
        context.blobs[sha256] = context.content(sha256)
    child = os.fork()
    if child == 0:
        _start_detached(path, job, args, context)
    os.waitpid(child, 0)
    return {
        "changed": True,
        "started": True,
        "finished": False,
        "ansible_job_id": job,
        "results_file": path,
    }


def _job_folder(context: Context) -> str:
    return context.environment.get("ANSIBLE_ASYNC_DIR") or os.environ.get(
        "ANSIBLE_ASYNC_DIR", "~/.ansible_async"
    )


def _start_detached(path: str, job: str, args: dict[str, Any], context: Context) -> None:
    """In a child: detach from the agent, so that the job survives the connection; limit the job's time."""
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for handle in os.listdir("/proc/self/fd"):
            if int(handle) != null:
                try:
                    os.dup2(null, int(handle)) if int(handle) < 3 else os.close(int(handle))
                except OSError:
                    continue
        worker = os.fork()
        if worker == 0:
            _run_module(path, job, args, context)
            os._exit(0)
        _limit_time(worker, path, job, int(args["seconds"]))
    finally:
        os._exit(0)


def _run_module(path: str, job: str, args: dict[str, Any], context: Context) -> None:
    from kprov.agent.main import run_module

    signal.signal(signal.SIGTERM, _end_worker)
    result = run_module(args["module"], args["arguments"], context)
    _write(path, {**result, "started": True, "finished": True, "ansible_job_id": job, "results_file": path})


def _end_worker(*_: Any) -> None:
    process.kill_all()
    os._exit(1)


def _limit_time(worker: int, path: str, job: str, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(worker, os.WNOHANG)[0]:
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGTERM)
    os.waitpid(worker, 0)
    message = "Timeout exceeded"
    result = {"failed": True, "changed": False, "msg": message, "child_pid": worker}
    _write(path, {**result, "started": True, "finished": True, "ansible_job_id": job, "results_file": path})


def _write(path: str, result: dict[str, Any]) -> None:
    handle, aside = temporary_files.make_file(os.path.dirname(path))
    with os.fdopen(handle, "w") as file:
        json.dump(result, file)
    os.rename(aside, path)
