"""The leader is killed or suspended at a random point of the work of all controllers. The next one finishes it.

``KPROV_TEST_FAILOVER_ROUNDS`` sets the number of rounds, ``KPROV_TEST_SEED`` the random points.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.event_record import EventRecord, recording
from tests.apiserver.failover.managers import Pair, manager_pair
from tests.apiserver.failover.timeline import find_intrusions, list_terms, read_writes
from tests.apiserver.failover.work import ALL_WORK, LostNode
from tests.apiserver.fake_kubelet import fake_kubelet

_ROUNDS: Final = int(os.environ.get("KPROV_TEST_FAILOVER_ROUNDS", "2"))
_SEED: Final = int(os.environ.get("KPROV_TEST_SEED", "1"))
#: The work of a round lasts about so long.
_WORK_SECONDS: Final = 4.0
_FINISH_SECONDS: Final = 120.0
_EXIT_SECONDS: Final = 20.0
#: Every so many rounds a node is lost: the controller needs its whole grace period for that.
_LOST_NODE_ROUNDS: Final = 5
#: How many pods the owners of a round ask for, over its whole time.
_PODS: Final = {
    "plain": 6,
    "indexed": 6,
    "expiring": 2,
    "web": 3,
    "front": 5,
    "victims": 3,
    "foreground": 3,
    "background": 3,
    "orphan": 3,
}
_NODES: Final = ("node-a", "node-b")
_FLAGS: Final = (
    "--node-monitor-period=1s",
    "--node-monitor-grace-period=10s",
    "--node-eviction-rate=10",
    "--secondary-node-eviction-rate=10",
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        manager_pair(tmp_path_factory.mktemp("failover"), *_FLAGS) as pair,
        fake_kubelet(pair.server, _NODES),
    ):
        yield pair


@pytest.fixture(scope="module")
def pods(pair: Pair) -> Iterator[EventRecord]:
    with recording(pair.server, "/api/v1/pods") as record:
        yield record


class Round:
    """All kinds of work in a new namespace. It is prepared and begun while another round goes on."""

    def __init__(self, pair: Pair, number: int) -> None:
        self.number = number
        self.name = f"round-{number}"
        self._server = pair.server
        ok(self._server, "POST", "/api/v1/namespaces", {"metadata": {"name": self.name}})
        account = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        eventually(lambda: self._server.get(account).status == 200, _FINISH_SECONDS)
        kinds = [kind for kind in ALL_WORK if kind is not LostNode or number % _LOST_NODE_ROUNDS == 0]
        self._works = [kind(self._server, self.name) for kind in kinds]
        for work in self._works:
            work.prepare()
        self._waiting = list(self._works)

    def begin(self) -> None:
        for work in self._works:
            eventually(work.is_prepared, _FINISH_SECONDS)
        for work in self._works:
            work.begin()

    def finish(self) -> None:
        """Wait for the end of all work, judge it and remove it."""
        end = time.monotonic() + _FINISH_SECONDS
        while waiting := [work for work in self._waiting if not work.is_done()]:
            self._waiting = waiting
            assert time.monotonic() < end, (self.name, [type(work).__name__ for work in waiting])
            time.sleep(0.1)
        for work in self._works:
            work.check()
            work.clean()
        ok(self._server, "DELETE", f"/api/v1/namespaces/{self.name}")


def kill_leader(pair: Pair) -> None:
    leader, holder = pair.find_leader(), pair.get_holder()
    leader.kill()
    pair.wait_for_new_holder(holder)


def suspend_leader(pair: Pair, seconds: float) -> None:
    """Suspend the leader until the other manager leads and works. The old one must see that and exit."""
    leader, holder = pair.find_leader(), pair.get_holder()
    number = leader.suspend()
    pair.wait_for_new_holder(holder)
    time.sleep(seconds)
    leader.resume()
    eventually(lambda: leader.number != number, _EXIT_SECONDS)


def check_created_pods(record: EventRecord, rounds: int) -> None:
    """No controller ever created more pods than its object asks for."""
    record.catch_up()
    created: dict[str, Counter[str]] = {}
    for kind, pod in record.events.copy():
        if kind == "ADDED":
            namespace = pod["metadata"]["namespace"].removesuffix("-victim")
            created.setdefault(namespace, Counter())[get_owner(pod)] += 1
    for number in range(rounds):
        counts = created[f"round-{number}"]
        assert {name: counts[name] for name in _PODS} == _PODS, number


def get_owner(pod: JsonObject) -> str:
    """The name of the owner at the moment of the creation."""
    references = pod["metadata"].get("ownerReferences", ())
    return str(references[0]["name"]) if references else ""


def test_the_next_leader_finishes_what_a_killed_or_suspended_one_began(pair: Pair, pods: EventRecord) -> None:
    points = random.Random(_SEED)
    following = Round(pair, 0)
    for number in range(_ROUNDS):
        current = following
        current.begin()
        time.sleep(points.uniform(0, _WORK_SECONDS))
        if number % 4 == 1:
            suspend_leader(pair, points.uniform(0, _WORK_SECONDS))
        else:
            kill_leader(pair)
        if number + 1 < _ROUNDS:
            following = Round(pair, number + 1)
        current.finish()
        print(f"round {number} is finished")  # noqa: T201  the long run shows how far it is
    eventually(lambda: not list_namespaces(pair), _FINISH_SECONDS)
    check_created_pods(pods, _ROUNDS)
    writes = read_writes([each.server.folder.with_suffix(".audit") for each in pair.managers])
    assert len(list_terms(writes)) > _ROUNDS
    assert not find_intrusions(writes)


def list_namespaces(pair: Pair) -> list[str]:
    """Namespaces of rounds that still exist."""
    items = ok(pair.server, "GET", "/api/v1/namespaces")["items"]
    return [each["metadata"]["name"] for each in items if each["metadata"]["name"].startswith("round-")]
