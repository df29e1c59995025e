"""The leader is killed or suspended at a random point of the work of all controllers. The next one finishes it.

`KPROV_TEST_FAILOVER_ROUNDS` sets the number of rounds, `KPROV_TEST_SEED` the random points. The end of a run shows
how often each controller was interrupted: it wrote for a round before the kill, and went on after it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.event_record import EventRecord, recording
from tests.apiserver.failover.all_work import LONG_WORK, SHORT_WORK, SLOW_WORK
from tests.apiserver.failover.interruptions import (
    Interruption,
    compute_coverage,
    get_audit_time,
    list_idle,
    render_table,
)
from tests.apiserver.failover.managers import Pair, manager_pair
from tests.apiserver.failover.rounds import FINISH_SECONDS, Round, check_created_pods
from tests.apiserver.failover.timeline import find_intrusions, list_terms, read_writes
from tests.apiserver.fake_kubelet import fake_kubelet

_ROUNDS: Final = int(os.environ.get("KPROV_TEST_FAILOVER_ROUNDS", "2"))
_SEED: Final = int(os.environ.get("KPROV_TEST_SEED", "1"))
#: The last work of a round lasts about so long, and the other leader works so long before a suspended one wakes up.
_WORK_SECONDS: Final = 1.0
_AWAKE_SECONDS: Final = 4.0
_EXIT_SECONDS: Final = 20.0
#: Every so many rounds have the slow work: controllers wait for a grace period, or for their next look.
_SLOW_ROUNDS: Final = 5
_NODES: Final = ("node-a", "node-b")
_FLAGS: Final = (
    "--node-monitor-period=1s",
    "--node-monitor-grace-period=10s",
    "--node-eviction-rate=10",
    "--secondary-node-eviction-rate=10",
    # All of them, and what they need to run.
    "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
    "--allocate-node-cidrs=true",
    "--cluster-cidr=10.244.0.0/16",
    "--legacy-service-account-token-clean-up-period=1ms",
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


def kill_leader(pair: Pair) -> str:
    """Returns the time, as the audit log shows it."""
    leader, holder = pair.find_leader(), pair.get_holder()
    moment = get_audit_time()
    leader.kill()
    pair.wait_for_new_holder(holder)
    return moment


def suspend_leader(pair: Pair, seconds: float) -> str:
    """Suspend the leader until the other manager leads and works. The old one must see that and exit.

    On a slow machine, it may have lost the lease and exited before that. Then its successor is suspended.
    Returns the time of the suspension.
    """
    leader, holder = pair.find_leader(), pair.get_holder()
    moment = get_audit_time()
    number = leader.suspend()
    pair.wait_for_new_holder(holder)
    time.sleep(seconds)
    leader.resume()
    if leader.has_led(number, holder):
        eventually(lambda: leader.number != number, _EXIT_SECONDS)
    return moment


def make_round(pair: Pair, number: int) -> Round:
    slow = SLOW_WORK if number % _SLOW_ROUNDS == 0 else ()
    return Round(pair.server, number, [*LONG_WORK, *SHORT_WORK, *slow], SHORT_WORK)


def test_the_next_leader_finishes_what_a_killed_or_suspended_one_began(pair: Pair, pods: EventRecord) -> None:
    points = random.Random(_SEED)
    interruptions = []
    following = make_round(pair, 0)
    begin_seconds = _WORK_SECONDS
    for number in range(_ROUNDS):
        current = following
        current.wait_until_prepared()
        begin = get_audit_time()
        with ThreadPoolExecutor(1) as thread:
            # The kill comes while some work goes on, some has not begun and some is finished.
            beginning = thread.submit(current.begin, random.Random(points.random()))
            time.sleep(points.uniform(0, begin_seconds + _WORK_SECONDS))
            if number % 4 == 1:
                kill = suspend_leader(pair, points.uniform(0, _AWAKE_SECONDS))
            else:
                kill = kill_leader(pair)
            begin_seconds = beginning.result()
        if number + 1 < _ROUNDS:
            following = make_round(pair, number + 1)
        current.finish()
        interruptions.append(Interruption(number, begin, kill, get_audit_time()))
        print(f"round {number} is finished")  # noqa: T201  the long run shows how far it is
    eventually(lambda: not list_namespaces(pair), FINISH_SECONDS)
    check_created_pods(pods, _ROUNDS)
    writes = read_writes([each.server.folder.with_suffix(".audit") for each in pair.managers])
    terms, intrusions = list_terms(writes), find_intrusions(writes)
    coverage = compute_coverage(writes, interruptions)
    print(render_table(coverage, _ROUNDS))  # noqa: T201  which controllers the run has tested
    print(  # noqa: T201
        f"{_ROUNDS} rounds with seed {_SEED}: {len(terms)} terms, {len(writes)} writes, "
        f"{len(intrusions)} of them outside of a term, {len(coverage)} controllers wrote, "
        f"{sum(1 for each in coverage.values() if each.interrupted)} of them were interrupted"
    )
    # Each round has a new holder of the lease, but it may be the killed manager that has started again.
    assert len(terms) > _ROUNDS // 2
    assert not intrusions
    assert not list_idle(coverage)


def list_namespaces(pair: Pair) -> list[str]:
    """Namespaces of rounds that still exist."""
    items = ok(pair.server, "GET", "/api/v1/namespaces")["items"]
    return [each["metadata"]["name"] for each in items if each["metadata"]["name"].startswith("round-")]
