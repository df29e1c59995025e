"""Checks that hosts are usable (network, login, root, Python) and reads their basic facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from kprov.errors import HostError, NoAnswerError, PreflightError, UnreachableError
from kprov.transport import basic_facts
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Become


@dataclass(frozen=True)
class ReachResult:
    """One host: `facts` under Ansible's names (ansible_distribution ...) when `error` is None.

    Also `kprov_clock_skew`, seconds that the host's clock is ahead of the operator's.
    """

    host: str
    facts: dict[str, Any] = field(default_factory=dict)
    error: HostError | None = None
    #: True if there is no connection. Otherwise an error is about the host itself or the login.
    lost: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None


def reach_hosts(
    connections: Connections, hosts: Sequence[str], become: Callable[[str], Become | None], *, forks: int = 20
) -> list[ReachResult]:
    """Connect to all hosts in parallel and return their basic facts in order. Changes nothing."""

    def look(host: str) -> ReachResult:
        try:
            agent = connections.get(host).agent(become(host))
            answer = agent.run("setup", [{"args": {"gather_subset": ["min"]}}])[0]
        except HostError as error:
            lost = isinstance(error, UnreachableError)
            kind = NoAnswerError if lost else PreflightError
            return ReachResult(host, error=kind(host, error.reason), lost=lost)
        if answer.get("failed"):
            return ReachResult(host, error=PreflightError(host, str(answer.get("msg"))))
        problem = basic_facts.find_problem(answer.get("ansible_facts"))
        if problem is not None:
            return ReachResult(host, error=PreflightError(host, problem))
        # Hosts check the times of certificates that are issued here.
        return ReachResult(
            host, facts={**answer["ansible_facts"], "kprov_clock_skew": round(agent.clock_skew, 1)}
        )

    with ThreadPoolExecutor(max_workers=max(1, min(forks, len(hosts)))) as pool:
        return list(pool.map(look, hosts))
