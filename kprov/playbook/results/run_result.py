"""Options and results of a run, and the callbacks that report its progress."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.results.changes import Change


@dataclass(frozen=True)
class RunOptions:
    """The options of `ansible-playbook`. `extra_vars` win over all variables; `journal` is a folder."""

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
    #: The journal of the run to resume; tasks that it finished are skipped.
    resume: Path | None = None
    step: bool = False
    #: With `check`: a task that fails after a change that was not made counts as an unforeseen change;
    #: otherwise a plan for new hosts would end at its second task.
    plan: bool = False
    #: The command that made the run, for a later resume: "play", "up" or "reset".
    command: str = "play"
    verbosity: int = 0
    #: Search paths of roles, modules and filters, in addition to the folder of the playbook.
    paths: SearchPaths = field(default_factory=SearchPaths)
    #: Connection and become variables from the command line (`-u`, `--become`). As in Ansible they only
    #: replace defaults: `ansible_user` and similar variables of the inventory win.
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
    """The duration of a task on all its hosts."""

    name: str
    seconds: float


@dataclass
class RunResult:
    """The result of a run. `errors` has host, task and message of each failure."""

    hosts: dict[str, HostStats] = field(default_factory=dict)
    tasks: list[TaskTime] = field(default_factory=list)
    changed_files: dict[str, list[str]] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    changes: list[Change] = field(default_factory=list)
    #: Values of set_stats by host, or by "_run".
    custom: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The file of the journal.
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
        """4 if a host was unreachable, 1 if a host failed (ansible-playbook: 4 and 2)."""
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
    """The user aborted the play at the module pause."""


class Callbacks(Protocol):
    """Called in order, by one thread at a time. Results of no_log tasks come without their content.

    Subclass SilentCallbacks, so that a new method does not break existing callbacks.
    """

    def run_started(self, playbooks: list[str]) -> None: ...
    def play_started(self, name: str, hosts: list[str]) -> None: ...
    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None:
        """`hosts` are the hosts of the task; with the free strategy it is called once for each host."""
        ...

    def ask_step(self, name: str) -> str:
        """Ask for --step: "y" runs the task, "n" skips it, "c" runs it and asks no more."""
        ...

    def host_started(self, host: str, task: str) -> None: ...
    def retry(self, host: str, task: str, attempt: int, remaining: int) -> None:
        """Tell that the condition `until` of a task is not met yet; the task is retried."""
        ...

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        """`outcome`: ok, changed, failed, skipped, unreachable, ignored. Loops: result["results"].

        `place` is FILE:LINE.
        """
        ...

    def warning(self, text: str) -> None:
        """Show a warning to the user; the run continues."""
        ...

    def pause(self, prompt: str, *, seconds: float | None, echo: bool) -> str:
        """Return what the user typed at the module `pause`, empty after `seconds`. Raises AbortedError."""
        ...

    def ask(self, prompt: str, *, echo: bool) -> str:
        """Return what the user typed for `vars_prompt`; empty without a terminal."""
        ...

    def no_hosts(self, play: str) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


class SilentCallbacks:
    """Callbacks that do nothing."""

    def run_started(self, playbooks: list[str]) -> None: ...
    def play_started(self, name: str, hosts: list[str]) -> None: ...
    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None: ...
    def ask_step(self, name: str) -> str:
        return "y"

    def host_started(self, host: str, task: str) -> None: ...
    def retry(self, host: str, task: str, attempt: int, remaining: int) -> None: ...
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
    def run_finished(self, result: RunResult) -> None: ...
