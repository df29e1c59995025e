"""The leader is killed or suspended at a random point of the work of all controllers. The next one finishes it.

``KPROV_TEST_FAILOVER_ROUNDS`` sets the number of rounds, ``KPROV_TEST_SEED`` the random points.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.event_record import EventRecord, recording
from tests.apiserver.failover.managers import Pair, manager_pair
from tests.apiserver.failover.rounds import FINISH_SECONDS, Round, check_created_pods
from tests.apiserver.failover.timeline import find_intrusions, list_terms, read_writes
from tests.apiserver.failover.work import ALL_WORK, LostNode, Work
from tests.apiserver.fake_kubelet import fake_kubelet

_ROUNDS: Final = int(os.environ.get("KPROV_TEST_FAILOVER_ROUNDS", "2"))
_SEED: Final = int(os.environ.get("KPROV_TEST_SEED", "1"))
#: The work of a round lasts about so long.
_WORK_SECONDS: Final = 4.0
_EXIT_SECONDS: Final = 20.0
#: Every so many rounds a node is lost: the controller needs its whole grace period for that.
_LOST_NODE_ROUNDS: Final = 5
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


def kill_leader(pair: Pair) -> None:
    leader, holder = pair.find_leader(), pair.get_holder()
    leader.kill()
    pair.wait_for_new_holder(holder)


def suspend_leader(pair: Pair, seconds: float) -> None:
    """Suspend the leader until the other manager leads and works. The old one must see that and exit.

    On a slow machine, it may have lost the lease and exited before that. Then its successor is suspended.
    """
    leader, holder = pair.find_leader(), pair.get_holder()
    number = leader.suspend()
    pair.wait_for_new_holder(holder)
    time.sleep(seconds)
    leader.resume()
    if leader.has_led(number, holder):
        eventually(lambda: leader.number != number, _EXIT_SECONDS)


def choose_works(number: int) -> list[type[Work]]:
    return [kind for kind in ALL_WORK if kind is not LostNode or number % _LOST_NODE_ROUNDS == 0]


def test_the_next_leader_finishes_what_a_killed_or_suspended_one_began(pair: Pair, pods: EventRecord) -> None:
    points = random.Random(_SEED)
    following = Round(pair.server, 0, choose_works(0))
    for number in range(_ROUNDS):
        current = following
        current.begin()
        time.sleep(points.uniform(0, _WORK_SECONDS))
        if number % 4 == 1:
            suspend_leader(pair, points.uniform(0, _WORK_SECONDS))
        else:
            kill_leader(pair)
        if number + 1 < _ROUNDS:
            following = Round(pair.server, number + 1, choose_works(number + 1))
        current.finish()
        print(f"round {number} is finished")  # noqa: T201  the long run shows how far it is
    eventually(lambda: not list_namespaces(pair), FINISH_SECONDS)
    check_created_pods(pods, _ROUNDS)
    writes = read_writes([each.server.folder.with_suffix(".audit") for each in pair.managers])
    # Each round has a new holder of the lease, but it may be the killed manager that has started again.
    assert len(list_terms(writes)) > _ROUNDS // 2
    assert not find_intrusions(writes)


def list_namespaces(pair: Pair) -> list[str]:
    """Namespaces of rounds that still exist."""
    items = ok(pair.server, "GET", "/api/v1/namespaces")["items"]
    return [each["metadata"]["name"] for each in items if each["metadata"]["name"].startswith("round-")]
