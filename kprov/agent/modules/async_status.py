"""ansible.builtin.async_status."""

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
    """How far a job in the background is, or forget it."""
    job = args["jid"]
    given = context.environment.get("ANSIBLE_ASYNC_DIR") or os.environ.get("ANSIBLE_ASYNC_DIR")
    folder = os.path.expanduser(given or "~/.ansible_async")
    path = os.path.join(folder, job)
    known: dict[str, Any] = {"ansible_job_id": job, "results_file": path, "stdout": "", "stderr": ""}
    known.update(stdout_lines=[], stderr_lines=[])
    if os.path.dirname(job) or not os.path.isfile(path):
        raise ModuleError("could not find job", **known, started=True, finished=True)
    if args["mode"] == "cleanup":
        os.unlink(path)
        return {"changed": False, **known, "started": False, "finished": False, "erased": path}
    with open(path) as file:
        found = json.load(file)
    result: dict[str, Any] = {"changed": False, **known, **found}
    if not result.get("finished"):
        result.update(started=True, finished=False)
    return result
