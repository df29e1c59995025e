"""Forwards callbacks to two receivers, such as the display and the recorder of a report."""

from __future__ import annotations

from typing import Any

from kprov.playbook.results.run_result import RunResult, SilentCallbacks


class CallbackPair(SilentCallbacks):
    """Calls the first, then the second. Only the first answers questions."""

    def __init__(self, first: SilentCallbacks, second: SilentCallbacks) -> None:
        self._first, self._second = first, second

    def run_started(self, playbooks: list[str]) -> None:
        for callbacks in (self._first, self._second):
            callbacks.run_started(playbooks)

    def play_started(self, name: str, hosts: list[str]) -> None:
        for callbacks in (self._first, self._second):
            callbacks.play_started(name, hosts)

    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None:
        for callbacks in (self._first, self._second):
            callbacks.task_started(name, handler=handler, hosts=hosts)

    def host_started(self, host: str, task: str) -> None:
        for callbacks in (self._first, self._second):
            callbacks.host_started(host, task)

    def retry(self, host: str, task: str, attempt: int, remaining: int) -> None:
        for callbacks in (self._first, self._second):
            callbacks.retry(host, task, attempt, remaining)

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        for callbacks in (self._first, self._second):
            callbacks.host_done(host, task, outcome, result, seconds, place)

    def warning(self, text: str) -> None:
        for callbacks in (self._first, self._second):
            callbacks.warning(text)

    def no_hosts(self, play: str) -> None:
        for callbacks in (self._first, self._second):
            callbacks.no_hosts(play)

    def run_finished(self, result: RunResult) -> None:
        for callbacks in (self._first, self._second):
            callbacks.run_finished(result)

    def ask_step(self, name: str) -> str:
        return self._first.ask_step(name)

    def ask(self, prompt: str, *, echo: bool) -> str:
        return self._first.ask(prompt, echo=echo)

    def pause(self, prompt: str, *, seconds: float | None, echo: bool) -> str:
        return self._first.pause(prompt, seconds=seconds, echo=echo)
