"""Whether hosts can be worked on at all: reached, logged in, root, Python; and their facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from kprov.errors import HostError, PreflightError, UnreachableError
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Become


@dataclass(frozen=True)
class PreflightResult:
    """One host: `facts` under Ansible's names (ansible_distribution ...) when `error` is None.

    Also `kprov_clock_skew`, seconds that the host's clock is ahead of the operator's.
    """

    host: str
    facts: dict[str, Any] = field(default_factory=dict)
    error: HostError | None = None
    #: There is no connection; otherwise an error is about what was found on the host, or who may log in.
    lost: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None


def preflight(
    connections: Connections, hosts: Sequence[str], become: Callable[[str], Become | None], *, forks: int = 20
) -> list[PreflightResult]:
    """Connect to all hosts at once and ask each for basic facts; changes nothing. In the order of `hosts`."""

    def look(host: str) -> PreflightResult:
        try:
            agent = connections.get(host).agent(become(host))
            answer = agent.run("setup", [{"args": {"gather_subset": ["min"]}}])[0]
        except HostError as error:
            lost = isinstance(error, UnreachableError)
            return PreflightResult(host, error=PreflightError(host, error.reason), lost=lost)
        if answer.get("failed"):
            return PreflightResult(host, error=PreflightError(host, str(answer.get("msg"))))
        # Certificates are made here and read there: their times must be meant alike.
        return PreflightResult(
            host, facts={**answer["ansible_facts"], "kprov_clock_skew": round(agent.clock_skew, 1)}
        )

    with ThreadPoolExecutor(max_workers=max(1, min(forks, len(hosts)))) as pool:
        return list(pool.map(look, hosts))
