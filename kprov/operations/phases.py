"""What an operation on a running cluster is made of: phases that run one after the other.

The module of an operation has a function `list_phases(context)`, which reads as the operation's story.
A phase says what it would do, from the state of the cluster at that moment, and does it. A phase without
work is skipped. An interrupted operation therefore continues when it runs again from its first phase. Only
decisions that the cluster's state does not show must be stored, as a record in `context.memory`
(progress.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kprov.errors import KprovError
from kprov.operations.cluster import CLUSTER_PLAYBOOK, Cluster, Say
from kprov.playbook.results.journal import Journal
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


class PlaybookFailedError(KprovError):
    """A playbook of a phase failed on a host, or a host became unreachable."""

    def __init__(self, result: RunResult) -> None:
        self.exit_code = result.exit_code
        super().__init__(
            "\n".join(f"{error['host']}: {error['task']}: {error['message']}" for error in result.errors)
            or "the playbook failed"
        )


@dataclass(frozen=True)
class Phase:
    """A part of an operation.

    plan: what `run` would do now, a line each; empty if there is no work. Changes nothing.
    run: does it. Raises KprovError. A run that was killed is repeated if `plan` still finds work.
    check: what --check does instead of `run`, such as a playbook in check mode; by default nothing.
    """

    title: str
    plan: Callable[[], Sequence[str]]
    run: Callable[[], None]
    check: Callable[[], None] | None = None


class Memory:
    """Decisions of an operation that a resumed run needs, such as the version before an upgrade.

    They are in the journal, on the disk before `store` returns. Values are JSON values.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._journal = Journal(None)
        self._values = dict(values)

    def attach(self, journal: Journal) -> None:
        """Write all values to the journal, and those that follow."""
        self._journal = journal
        for key, value in self._values.items():
            self.store(key, value)

    def store(self, key: str, value: Any) -> None:
        """Store a decision. The last value of a key counts."""
        self._journal.write("remember", durable=True, key=key, value=value)
        self._values[key] = value

    def read(self, key: str, default: Any = None) -> Any:
        """Return a stored decision."""
        return self._values.get(key, default)


@dataclass
class OperationContext:
    """What phases work with: the cluster, the operation's arguments (JSON values), its memory and its output.

    `facts` are those of the reachable hosts, by host; `runs` the results of the playbooks so far.
    """

    cluster: Cluster
    arguments: dict[str, Any]
    options: RunOptions
    callbacks: Callbacks
    say: Say
    memory: Memory
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[RunResult] = field(default_factory=list)

    def run_playbook(
        self,
        hosts: Iterable[str],
        *,
        tags: Iterable[str] = ("all",),
        skip_tags: Iterable[str] = (),
        playbook: Path = CLUSTER_PLAYBOOK,
        extra_vars: dict[str, Any] | None = None,
        check: bool = False,
    ) -> RunResult:
        """Run a playbook of kprov on these hosts. Raises PlaybookFailedError.

        Handlers that a killed run left are run by the next run of the same playbook.
        """
        engine = self.cluster.engine
        before = engine.options
        engine.options = replace(
            self.options,
            command="phase",
            limit=",".join(hosts),
            tags=tuple(tags),
            skip_tags=tuple(skip_tags),
            extra_vars=self.options.extra_vars | (extra_vars or {}),
            check=check,
            plan=check,
            journal=self.cluster.artifacts / "journal",
        )
        try:
            result = engine.run(playbook)
        finally:
            engine.options = before
        self.runs.append(result)
        if not result.ok and not check:
            raise PlaybookFailedError(result)
        return result
