"""A run as it goes: what changed, what failed, and how long it took; a line each, for people and for logs."""

from __future__ import annotations

import difflib
import time
from typing import Any

from rich.text import Text

from kprov.cli.output import console
from kprov.playbook.result import RunResult, Silent

_STYLES = {
    "changed": "yellow",
    "failed": "bold red",
    "unreachable": "bold red",
    "ignored": "magenta",
    "ok": "green",
}


class Progress(Silent):
    """Callbacks of a run. Quiet about what is as it should be, unless `verbose`."""

    def __init__(self, *, diff: bool = False, verbose: int = 0) -> None:
        self._diff = diff
        self._verbose = verbose
        self._started = time.monotonic()
        self._task = ""
        self._outcomes: dict[str, list[str]] = {}
        self._status = console.status("") if console.is_terminal else None

    def play_started(self, name: str, hosts: list[str]) -> None:
        """A headline a play."""
        self._flush()
        console.print(
            Text(f"{self._clock()}  {name}", style="bold"), Text(f"({len(hosts)} hosts)", style="dim")
        )
        if self._status is not None:
            self._status.start()

    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None:
        """Say the last task's outcome; show this one's name while it runs."""
        del handler, hosts
        self._flush()
        self._task = name
        if self._status is not None:
            self._status.update(name)

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        """Failures and diffs at once, the rest when the task is over."""
        del seconds, place
        self._task = task
        self._outcomes.setdefault(outcome, []).append(host)
        if outcome in ("failed", "unreachable", "ignored"):
            console.print(f"         {host}: {task}", style=_STYLES[outcome], markup=False)
            for line in reasons(result):
                console.print(f"           {line}", markup=False)
        if self._diff and outcome == "changed":
            for line in diff_lines(result):
                style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
                console.print(f"         {host}: {line}", style=style, markup=False)

    def no_hosts(self, play: str) -> None:
        """A play that concerns nobody."""
        console.print(f"{self._clock()}  {play}: no hosts", style="dim", markup=False)

    def finished(self, result: RunResult) -> None:
        """Say the last task's outcome."""
        del result
        self._flush()
        if self._status is not None:
            self._status.stop()

    def interrupted(self) -> None:
        """Leave the terminal as it was."""
        if self._status is not None:
            self._status.stop()

    def _flush(self) -> None:
        counts = {outcome: len(hosts) for outcome, hosts in self._outcomes.items()}
        if counts and (self._verbose or counts.keys() & {"changed", "failed", "unreachable"}):
            said = ", ".join(
                f"{number} {outcome}" for outcome, number in counts.items() if outcome != "skipped"
            )
            worst = next(
                (name for name in ("unreachable", "failed", "changed", "ok") if name in counts), "ok"
            )
            console.print(
                Text(f"{self._clock()}    {self._task}: "), Text(said or "skipped", style=_STYLES[worst])
            )
        self._outcomes = {}

    def _clock(self) -> str:
        return f"{time.monotonic() - self._started:6.1f}s"


def reasons(result: dict[str, Any]) -> list[str]:
    """What a failed task says: its message, standard error's last lines, and each failed item's."""
    lines: list[str] = []
    for one in [result, *result.get("results", [])]:
        if one is not result and not one.get("failed"):
            continue
        text = str(one.get("msg") or "")
        error = str(one.get("stderr") or one.get("module_stderr") or "")
        lines += [line for line in [*text.splitlines(), *error.splitlines()[-8:]] if line.strip()]
    return lines


def diff_lines(result: dict[str, Any]) -> list[str]:
    """A result's diffs as unified diffs."""
    lines: list[str] = []
    for one in [result, *result.get("results", [])]:
        diffs = one.get("diff") or []
        for diff in [diffs] if isinstance(diffs, dict) else diffs:
            if not isinstance(diff, dict):
                continue
            if "prepared" in diff:
                lines += str(diff["prepared"]).splitlines()
                continue
            before, after = _text(diff.get("before")), _text(diff.get("after"))
            lines += [
                line.rstrip("\n")
                for line in difflib.unified_diff(
                    before.splitlines(keepends=True),
                    after.splitlines(keepends=True),
                    str(diff.get("before_header") or "before"),
                    str(diff.get("after_header") or "after"),
                )
            ]
    return lines


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, indent=2, sort_keys=True) + "\n"
