"""The JSON report of a run (`--report FILE`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kprov.inventory import secrets
from kprov.playbook.result import RunResult, Silent

VERSION = 1


class Recorder(Silent):
    """Collects what a report has, while a run goes on."""

    def __init__(self) -> None:
        self.playbooks: list[str] = []
        self.tasks: list[dict[str, Any]] = []
        self._play = ""

    def run_started(self, playbooks: list[str]) -> None:
        self.playbooks = playbooks

    def play_started(self, name: str, hosts: list[str]) -> None:
        self._play = name

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        if not self.tasks or (self.tasks[-1]["task"], self.tasks[-1]["place"]) != (task, place):
            self.tasks.append({"play": self._play, "task": task, "place": place, "hosts": {}})
        self.tasks[-1]["hosts"][host] = {
            "outcome": outcome,
            "seconds": round(seconds, 4),
            "result": {key: value for key, value in result.items() if not key.startswith("_")},
        }


def write(path: Path, recorder: Recorder, result: RunResult) -> None:
    """Write the report whole, for its owner only."""
    document = {
        "kprov_report": VERSION,
        **result.report(),
        "playbooks": recorder.playbooks,
        "tasks": recorder.tasks,
        "changes": [change.report() for change in result.changes],
    }
    text = secrets.scrub(json.dumps(document, indent=1, default=str) + "\n")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
