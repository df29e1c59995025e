"""Ansible's side of the record: a callback plugin that writes every result of every task."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

from tests.parity.recorder import Recorder

DOCUMENTATION = """
name: parity
type: aggregate
short_description: Writes every task's results as JSON lines
description: Writes to the file that PARITY_OUTPUT names.
options: {}
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Ansible finds a plugin by this name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "parity"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.begun = ""
        self.recorder = Recorder(
            Path(os.environ["PARITY_OUTPUT"]),
            os.environ["PARITY_SNAPSHOT"].split("\n"),
            Path(os.environ["PARITY_SNAPSHOT_SCRIPT"]),
        )

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.recorder.write("play", name=play.get_name().strip())
        self.begun = ""

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        # Ansible calls this once for each host of a meta task.
        if task._get_meta() is None or task._uuid != self.begun:
            self.recorder.task(task.get_name().strip(), handler=False)
        self.begun = task._uuid

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.recorder.task(task.get_name().strip(), handler=True)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "ignored" if result.task.ignore_unreachable else "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self.recorder.write("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})

    def _result(self, result: Any, outcome: str) -> None:
        task = result.task
        self.recorder.write(
            "result",
            host=result.host.get_name(),
            task=task.get_name().strip(),
            place=task.get_path(),
            outcome=outcome,
            result=result.result,
        )
