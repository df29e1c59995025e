"""A bench for playbooks: two inventory hosts that are this machine, over the local connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.inventory.sources.load import load_inventory
from kprov.playbook.results.run_result import RunOptions, RunResult, SilentCallbacks
from kprov.playbook.running.engine import Engine


class Recorder(SilentCallbacks):
    """Every outcome, and everything that was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.shown = ""
        self.retries: list[tuple[str, int]] = []
        self.answers: dict[str, str] = {}
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        self.seen.append((task, host, outcome))
        self.shown += json.dumps(result, default=str)

    def retry(self, host: str, task: str, attempt: int, left: int) -> None:
        self.retries.append((task, attempt))

    def ask_step(self, name: str) -> str:
        return self.answers.get(name, "y")

    def pause(self, prompt: str, *, seconds: float | None, echo: bool) -> str:
        return self.answers.get(prompt, "")

    def ask(self, prompt: str, *, echo: bool) -> str:
        return self.answers.get(prompt, "")


class Bench:
    """A folder with an inventory of two local hosts, a (n: 1) and b (n: 2), and a playbook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recorder = Recorder()
        (folder / "hosts.yml").write_text(
            f"all:\n  vars: {{ansible_connection: local, ansible_python_interpreter: python3, out: {folder}}}\n"
            "  hosts: {a: {n: 1}, b: {n: 2}}\n"
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def play(self, text: str, **options: Any) -> RunResult:
        path = self.write("play.yml", text)
        with self.engine(**options) as engine:
            return engine.run(path)

    def engine(self, **options: Any) -> Engine:
        return Engine(load_inventory(self.folder / "hosts.yml"), RunOptions(**options), self.recorder)

    def outcomes(self, host: str = "a") -> dict[str, str]:
        return {task: outcome for task, where, outcome in self.recorder.seen if where == host}

    def order(self, host: str = "a") -> list[str]:
        return [task for task, where, _ in self.recorder.seen if where == host]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
