"""What a run did, and who is told about it while it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.results.changes import Change


@dataclass(frozen=True)
class RunOptions:
    """`ansible-playbook`'s options. `extra_vars` win over everything; `journal` is a folder."""

    check: bool = False
    diff: bool = False
    forks: int = 20
    limit: str | None = None
    tags: tuple[str, ...] = ("all",)
    skip_tags: tuple[str, ...] = ()
    start_at_task: str | None = None
    extra_vars: dict[str, Any] = field(default_factory=dict)
    journal: Path | None = None
    force_handlers: bool = False
    #: A journal whose run goes on: what it finished is not done again.
    resume: Path | None = None
    step: bool = False
    #: With `check`: what fails because an earlier change was not made counts as a change that cannot be
    #: foreseen; otherwise a plan for new hosts would end at its second task.
    plan: bool = False
    #: What made the run, for those who go on with it: "play", "up" or "reset".
    command: str = "play"
    verbosity: int = 0
    #: Where roles, modules and filters are looked for, beside the playbook.
    paths: SearchPaths = field(default_factory=SearchPaths)
    #: Connection and become variables from the command line (`-u`, `--become`): they win as in Ansible
    #: over nothing but the defaults; `ansible_user` and friends in the inventory win over them.
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass
class HostStats:
    """Tasks of a host by outcome."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0


@dataclass
class TaskTime:
    """Seconds that a task took on all its hosts together."""

    name: str
    seconds: float


@dataclass
class RunResult:
    """`errors`: host, task and message of what failed."""

    hosts: dict[str, HostStats] = field(default_factory=dict)
    tasks: list[TaskTime] = field(default_factory=list)
    changed_files: dict[str, list[str]] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    changes: list[Change] = field(default_factory=list)
    #: What set_stats gave, by host or "_run".
    custom: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Where the run's journal is, when it has one.
    journal: Path | None = None
    #: Set while a play runs: `meta: end_play` ended it.
    play_ended: bool = False

    @property
    def ok(self) -> bool:
        return not any(stats.failed or stats.unreachable for stats in self.hosts.values())

    @property
    def changed(self) -> int:
        return sum(stats.changed for stats in self.hosts.values())

    @property
    def exit_code(self) -> int:
        """ansible-playbook's: 2 for failed hosts, 4 for unreachable ones; ours 1 for failed."""
        if any(stats.unreachable for stats in self.hosts.values()):
            return 4
        return 0 if self.ok else 1

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "hosts": {name: vars(stats) for name, stats in self.hosts.items()},
            "tasks": [vars(task) for task in self.tasks],
            "changed_files": self.changed_files,
            "errors": self.errors,
            "stats": self.custom,
            "seconds": self.seconds,
            "changed": self.changed,
            "ok": self.ok,
        }


class AbortedError(Exception):
    """The user ended the play at the module pause."""


class Callbacks(Protocol):
    """Told in order, from one thread at a time; results of no_log tasks come without their content.

    Subclass `Silent`, so that a new method never breaks a callback.
    """

    def run_started(self, playbooks: list[str]) -> None: ...
    def play_started(self, name: str, hosts: list[str]) -> None: ...
    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None:
        """`hosts` are those the task is for; with the free strategy it comes once a host."""
        ...

    def ask_step(self, name: str) -> str:
        """--step: "y" runs the task, "n" passes it over, "c" runs it and asks no more."""
        ...

    def host_started(self, host: str, task: str) -> None: ...
    def retry(self, host: str, task: str, attempt: int, left: int) -> None:
        """A task with `until` was not as expected yet and is tried again."""
        ...

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        """`outcome`: ok, changed, failed, skipped, unreachable, ignored. Loops: result["results"].

        `place` is FILE:LINE.
        """
        ...

    def warning(self, text: str) -> None:
        """Something that the user should know and that stops nothing."""
        ...

    def pause(self, prompt: str, *, seconds: float | None, echo: bool) -> str:
        """The module `pause`: what was typed, or nothing after so many seconds. Raises AbortedError."""
        ...

    def ask(self, prompt: str, *, echo: bool) -> str:
        """`vars_prompt`: what was typed; nothing where nobody can be asked."""
        ...

    def no_hosts(self, play: str) -> None: ...
    def finished(self, result: RunResult) -> None: ...


class SilentCallbacks:
    """Callbacks that say nothing."""

    def run_started(self, playbooks: list[str]) -> None: ...
    def play_started(self, name: str, hosts: list[str]) -> None: ...
    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None: ...
    def ask_step(self, name: str) -> str:
        return "y"

    def host_started(self, host: str, task: str) -> None: ...
    def retry(self, host: str, task: str, attempt: int, left: int) -> None: ...
    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None: ...
    def warning(self, text: str) -> None: ...
    def pause(self, prompt: str, *, seconds: float | None, echo: bool) -> str:
        time.sleep(seconds or 0)
        return ""

    def ask(self, prompt: str, *, echo: bool) -> str:
        return ""

    def no_hosts(self, play: str) -> None: ...
    def finished(self, result: RunResult) -> None: ...
