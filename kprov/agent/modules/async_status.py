"""ansible.builtin.async_status: the state of a job in the background."""

from __future__ import annotations

import json
import os
from typing import Any

from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "jid": {"required": True},
    "mode": {"choices": ["status", "cleanup"], "default": "status"},
}
RULES: dict[str, Any] = {"read_only": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return the state of a job in the background, or remove its file."""
    job = args["jid"]
    configured = context.environment.get("ANSIBLE_ASYNC_DIR") or os.environ.get("ANSIBLE_ASYNC_DIR")
    folder = os.path.expanduser(configured or "~/.ansible_async")
    path = os.path.join(folder, job)
    job_values: dict[str, Any] = {"ansible_job_id": job, "results_file": path, "stdout": "", "stderr": ""}
    job_values.update(stdout_lines=[], stderr_lines=[])
    if os.path.dirname(job) or not os.path.isfile(path):
        raise ModuleError("could not find job", **job_values, started=True, finished=True)
    if args["mode"] == "cleanup":
        os.unlink(path)
        return {"changed": False, **job_values, "started": False, "finished": False, "erased": path}
    with open(path) as file:
        job_result = json.load(file)
    result: dict[str, Any] = {"changed": False, **job_values, **job_result}
    if not result.get("finished"):
        result.update(started=True, finished=False)
    return result
