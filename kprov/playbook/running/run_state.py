"""The state of a run: its hosts, counts and journal, guarded by one lock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kprov.playbook.model.plays import Node, Task
from kprov.playbook.results.journal import EarlierRun, Journal
from kprov.playbook.results.run_result import Callbacks, HostStats, RunOptions, RunResult


@dataclass
class HostState:
    """The state of a host: `failed` until a rescue, `unreachable` for the run, `ended` for the batch."""

    failed: bool = False
    #: Whether a task failed on this host; otherwise `failed` is set because of another host.
    own_failure: bool = False
    unreachable: bool = False
    ended: bool = False
    #: Set by `meta: clear_host_errors`: the host is active again in the next play.
    errors_cleared: bool = False
    #: Identities of the roles that `meta: end_role` ended.
    ended_roles: frozenset[int] = frozenset()
    #: Keys of roles that ran at least one task, and of those among them that are complete.
    begun_roles: frozenset[tuple[str, ...]] = frozenset()
    done_roles: frozenset[tuple[str, ...]] = frozenset()

    def reset_for_play(self) -> None:
        """Clear what an earlier play set: its roles, and whether it ended for the host."""
        self.ended = False
        self.ended_roles = frozenset()
        self.begun_roles = self.done_roles = frozenset()

    @property
    def is_out(self) -> bool:
        """Whether the host is not active at present."""
        return self.failed or self.unreachable or self.ended


class RunState:
    """State that all parts of a run share."""

    def __init__(
        self,
        options: RunOptions,
        callbacks: Callbacks,
        result: RunResult,
        journal: Journal,
        memory: EarlierRun | None,
    ) -> None:
        self.options = options
        self.callbacks = callbacks
        self.result = result
        self.journal = journal
        self.resumed_run = memory
        #: The run before this one, whose pending handlers run now; the resumed run itself in a resumed run.
        self.earlier_run = memory
        #: Held while results are recorded and callbacks are called.
        self.lock = threading.RLock()
        #: False until the task of --start-at-task is found.
        self.started = options.start_at_task is None
        self.stepping = options.step
        #: Tags of all tasks so far, whether they ran or not.
        self.tags: set[str] = set()
        #: The user ended the run: later failures only say that the connection was closed.
        self.interrupted = False
        self._hosts: dict[str, HostState] = {}

    def host(self, name: str) -> HostState:
        """Return the state of a host."""
        state = self._hosts.get(name)
        return self._hosts.setdefault(name, HostState()) if state is None else state

    def active_hosts(self, hosts: Iterable[str]) -> list[str]:
        """Return the hosts that are active."""
        return [name for name in hosts if not self.host(name).is_out]

    def filter_by_role(self, hosts: list[str], node: Node) -> list[str]:
        """Return the hosts where the role of a node has not ended, nor run before if it runs once."""
        role = node.role
        if role is None:
            return hosts
        remaining = [host for host in hosts if id(role) not in self.host(host).ended_roles]
        if role.once and isinstance(node, Task):
            remaining = [host for host in remaining if role.key not in self.host(host).done_roles]
        return remaining

    def removed_hosts(self, hosts: Iterable[str]) -> list[str]:
        """Return the hosts that are no longer in the play: they failed or became unreachable."""
        return [name for name in hosts if self.host(name).failed or self.host(name).unreachable]

    def mark_unreachable(self, hosts: Mapping[str, str]) -> None:
        """Mark hosts that were unreachable before the run, each with the reason."""
        for name, reason in hosts.items():
            self.host(name).unreachable = True
            self.stats(name).unreachable += 1
            error = {"host": name, "task": "reach", "outcome": "unreachable", "message": reason, "place": ""}
            self.result.errors.append(error)

    def unreachable_hosts(self) -> list[str]:
        """Return the unreachable hosts."""
        return [name for name, state in self._hosts.items() if state.unreachable]

    def failed_hosts(self) -> list[str]:
        """Return the hosts on which a task failed and was not rescued."""
        return [name for name, state in self._hosts.items() if state.failed and not state.unreachable]

    def stats(self, host: str) -> HostStats:
        """Return the counts of a host."""
        return self.result.hosts.setdefault(host, HostStats())
