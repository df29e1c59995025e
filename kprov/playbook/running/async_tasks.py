"""The keyword `async`: start a module in the background of its host and poll until it ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from kprov.playbook.actions.call import Call
from kprov.playbook.connections.module_sender import ModuleSender


def run_async(
    sender: ModuleSender,
    call: Call,
    module: str,
    items: list[dict[str, Any]],
    contents: dict[str, bytes | Path],
) -> list[dict[str, Any]]:
    """Return the results of the items. With `poll: 0` they only say that the jobs were started."""
    seconds, poll = call.background
    started = sender.send(
        call.address,
        call.become,
        "async_start",
        [
            {
                **item,
                "args": {"module": module, "arguments": item["args"], "seconds": seconds},
            }
            for item in items
        ],
        contents,
    )
    return started if poll <= 0 else [_wait_for_job(sender, call, job, seconds, poll) for job in started]


def _wait_for_job(
    sender: ModuleSender, call: Call, started: dict[str, Any], seconds: int, poll: int
) -> dict[str, Any]:
    if started.get("failed"):
        return started
    job = {"args": {"jid": started["ansible_job_id"]}, "environment": call.environment}
    deadline = time.monotonic() + seconds + poll
    pause = 0.05
    while True:
        # Poll early at first, so that a short job does not wait for a whole interval.
        time.sleep(min(pause, poll))
        pause *= 2
        result = sender.send(call.address, call.become, "async_status", [job])[0]
        if result.get("finished") or time.monotonic() > deadline:
            break
    if not result.get("finished"):
        return {**result, "failed": True, "msg": "async task did not complete within the requested time"}
    cleanup = {**job, "args": {"jid": started["ansible_job_id"], "mode": "cleanup"}}
    sender.send(call.address, call.become, "async_status", [cleanup])
    return result
