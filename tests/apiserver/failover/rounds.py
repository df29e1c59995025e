"""Rounds: the work of many controllers at the same time, in a namespace of its own."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.event_record import EventRecord
from tests.apiserver.failover.work import Work
from tests.apiserver.servers import ApiServer

FINISH_SECONDS: Final = 120.0
#: The difference between the numbers of the two namespaces of a round.
TWIN: Final = 1000
#: How many pods the owners of a round ask for, over its whole time.
_PODS: Final = {
    "plain": 6,
    "indexed": 6,
    "expiring": 2,
    "web": 3,
    "front": 5,
    "classic": 3,
    "backend": 3,
    "guarded": 2,
    "victims": 3,
    "foreground": 3,
    "background": 3,
    "orphan": 3,
}


class Round:
    """All kinds of work in a new namespace. It may be prepared while another round goes on."""

    def __init__(
        self, server: ApiServer, number: int, kinds: Sequence[type[Work]], twins: Sequence[type[Work]] = ()
    ) -> None:
        """twins: kinds of work that a second namespace has, too."""
        self.name = f"round-{number}"
        self._server = server
        self._namespaces = [self.name]
        self._works = self._prepare(self.name, kinds)
        if twins:
            self._namespaces.append(f"round-{number + TWIN}")
            self._works += self._prepare(self._namespaces[-1], twins)
        self._waiting = list(self._works)

    def _prepare(self, namespace: str, kinds: Sequence[type[Work]]) -> list[Work]:
        ok(self._server, "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        eventually(lambda: self._server.get(account).status == 200, FINISH_SECONDS)
        works = [kind(self._server, namespace) for kind in kinds]
        for work in works:
            work.prepare()
        return works

    def wait_until_prepared(self) -> None:
        for work in self._works:
            eventually(work.is_prepared, FINISH_SECONDS)

    def begin(self, order: random.Random | None = None) -> float:
        """Begin all work, in a random order if there is one. Returns how long that took, in seconds."""
        start = time.monotonic()
        works = list(self._works)
        if order is not None:
            order.shuffle(works)
        for work in works:
            work.begin()
        return time.monotonic() - start

    def finish(self) -> None:
        """Wait for the end of all work, judge it and remove it."""
        end = time.monotonic() + FINISH_SECONDS
        while waiting := [work for work in self._waiting if not work.is_done()]:
            self._waiting = waiting
            assert time.monotonic() < end, (self.name, [type(work).__name__ for work in waiting])
            time.sleep(0.1)
        for work in self._works:
            work.check()
            work.clean()
        for namespace in self._namespaces:
            ok(self._server, "DELETE", f"/api/v1/namespaces/{namespace}")


def check_created_pods(record: EventRecord, rounds: int, *, without: Collection[str] = ()) -> None:
    """No controller ever created more pods than its object asks for. without: owners that no work creates."""
    expected = {name: count for name, count in _PODS.items() if name not in without}
    record.catch_up()
    created: dict[str, Counter[str]] = {}
    for kind, pod in record.events.copy():
        if kind == "ADDED":
            namespace = pod["metadata"]["namespace"].removesuffix("-victim")
            created.setdefault(namespace, Counter())[get_owner(pod)] += 1
    for number in range(rounds):
        counts = created[f"round-{number}"]
        assert {name: counts[name] for name in expected} == expected, number


def get_owner(pod: JsonObject) -> str:
    """The name of the owner at the moment of the creation."""
    references = pod["metadata"].get("ownerReferences", ())
    return str(references[0]["name"]) if references else ""
