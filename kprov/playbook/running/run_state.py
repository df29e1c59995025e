"""What a run knows while it runs: its hosts' states, counts and journal; one lock around all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kprov.playbook.model.plays import Node, Task
from kprov.playbook.results.journal import EarlierRun, Journal
from kprov.playbook.results.run_result import Callbacks, HostStats, RunOptions, RunResult


@dataclass
class HostState:
    """A host in a run: `failed` until a rescue, `unreachable` to its end, `ended` for this batch."""

    failed: bool = False
    #: Whether a task of its own failed; else it counts as failed because another host did.
    own_failure: bool = False
    unreachable: bool = False
    ended: bool = False
    #: `meta: clear_host_errors`: in the next play the host takes part again.
    errors_cleared: bool = False
    #: Roles that `meta: end_role` ended, by identity.
    ended_roles: frozenset[int] = frozenset()
    #: Keys of roles of which a task was not skipped; and of those that then came to their end.
    begun_roles: frozenset[tuple[str, ...]] = frozenset()
    done_roles: frozenset[tuple[str, ...]] = frozenset()

    def reset_for_play(self) -> None:
        """What is known of an earlier play's roles, and that the host was sent out of it, is forgotten."""
        self.ended = False
        self.ended_roles = frozenset()
        self.begun_roles = self.done_roles = frozenset()

    @property
    def is_out(self) -> bool:
        """Whether the host takes no part at present."""
        return self.failed or self.unreachable or self.ended


class RunState:
    """Shared by all parts of a run."""

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
        #: The run before this one, for the handlers that it still owes; the memory itself when it goes on.
        self.earlier_run = memory
        #: Held while results are taken in and callbacks told.
        self.lock = threading.RLock()
        #: False until --start-at-task's task is met.
        self.started = options.start_at_task is None
        self.stepping = options.step
        #: Tags of all tasks that were met, whether they ran or not.
        self.tags: set[str] = set()
        #: Somebody ended the run: what hosts still answer is about connections that were closed.
        self.interrupted = False
        self._hosts: dict[str, HostState] = {}

    def host(self, name: str) -> HostState:
        """A host's state."""
        found = self._hosts.get(name)
        return self._hosts.setdefault(name, HostState()) if found is None else found

    def active_hosts(self, hosts: Iterable[str]) -> list[str]:
        """Hosts that still take part."""
        return [name for name in hosts if not self.host(name).is_out]

    def filter_by_role(self, hosts: list[str], node: Node) -> list[str]:
        """Hosts for which a node's role has neither been ended nor, where it runs once, been done before."""
        role = node.role
        if role is None:
            return hosts
        left = [host for host in hosts if id(role) not in self.host(host).ended_roles]
        if role.once and isinstance(node, Task):
            left = [host for host in left if role.key not in self.host(host).done_roles]
        return left

    def lost_hosts(self, hosts: Iterable[str]) -> list[str]:
        """Hosts that failed or were lost."""
        return [name for name in hosts if self.host(name).failed or self.host(name).unreachable]

    def mark_unreachable(self, hosts: Mapping[str, str]) -> None:
        """Hosts that cannot be reached before the run begins, each with the reason."""
        for name, reason in hosts.items():
            self.host(name).unreachable = True
            self.stats(name).unreachable += 1
            error = {"host": name, "task": "reach", "outcome": "unreachable", "message": reason, "place": ""}
            self.result.errors.append(error)

    def unreachable_hosts(self) -> list[str]:
        """Hosts that were lost, or never reached."""
        return [name for name, state in self._hosts.items() if state.unreachable]

    def failed_hosts(self) -> list[str]:
        """Hosts of which a task failed and was not rescued."""
        return [name for name, state in self._hosts.items() if state.failed and not state.unreachable]

    def stats(self, host: str) -> HostStats:
        """A host's counts."""
        return self.result.hosts.setdefault(host, HostStats())
