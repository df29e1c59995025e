"""kprov's engine, in this process, with callbacks that write the same record as Ansible's plugin."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kprov.cli.options import run_options
from kprov.errors import KprovError
from kprov.inventory.sources.load import load_inventory
from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.results.run_result import RunOptions, RunResult, SilentCallbacks
from kprov.playbook.running.engine import Engine
from tests.parity import collection_path
from tests.parity.engines.request import Request
from tests.parity.recorder import Recorder


class Record(SilentCallbacks):
    """Callbacks > recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def play_started(self, name: str, hosts: list[str]) -> None:
        self.recorder.write("play", name=name)

    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None:
        self.recorder.task(name, handler=handler)

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        self.recorder.write("result", host=host, task=task, place=place, outcome=outcome, result=result)

    def run_finished(self, result: RunResult) -> None:
        self.recorder.write(
            "stats", hosts={name: vars(stats) for name, stats in sorted(result.hosts.items())}
        )


def options(words: list[str]) -> RunOptions:
    """ansible-playbook's options as kprov's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-C", "--check", action="store_true")
    parser.add_argument("-D", "--diff", action="store_true")
    parser.add_argument("-l", "--limit")
    parser.add_argument("-t", "--tags", action="append")
    parser.add_argument("--skip-tags", action="append")
    parser.add_argument("--start-at-task")
    parser.add_argument("--force-handlers", action="store_true")
    parser.add_argument("-e", "--extra-vars", action="append")
    parser.add_argument("-f", "--forks", type=int, default=20)
    given = parser.parse_args(words)
    return RunOptions(
        check=given.check,
        diff=given.diff,
        forks=given.forks,
        limit=given.limit,
        tags=run_options.split_names(",".join(given.tags or ["all"])),
        skip_tags=run_options.split_names(",".join(given.skip_tags or [])),
        start_at_task=given.start_at_task,
        force_handlers=given.force_handlers,
        extra_vars=run_options.read_extra_vars(given.extra_vars),
        paths=SearchPaths(collections=(collection_path.path(),)),
    )


def play(request: Request) -> int:
    """Exit code: 0, 1 failed, 2 refused, 4 unreachable."""
    recorder = Recorder(Path(request.output), request.snapshot, request.script)
    try:
        with Engine(
            load_inventory(Path(request.inventory)), options(request.options), Record(recorder)
        ) as engine:
            return engine.run(Path(request.playbook)).exit_code
    except KprovError as error:
        recorder.write("refused", message=str(error))
        return 2
