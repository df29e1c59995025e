"""Seats, queues and fairness of one priority level; shares and lending among levels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kprov.kube.apiserver.flowcontrol import allocation
from kprov.kube.apiserver.flowcontrol.level import PriorityLevel, Ticket, deal_queues
from kprov.kube.apiserver.flowcontrol.matching import FlowSchema
from kprov.kube.apiserver.request import RequestInfo, UserInfo


def level(
    name: str = "l", *, queues: int = 8, hand: int = 2, length: int = 50, **limited: Any
) -> PriorityLevel:
    response: dict[str, Any] = {"type": "Reject"}
    if queues:
        queuing = {"queues": queues, "handSize": hand, "queueLengthLimit": length}
        response = {"type": "Queue", "queuing": queuing}
    spec = {"type": "Limited", "limited": {"limitResponse": response, **limited}}
    return PriorityLevel({"metadata": {"name": name, "uid": f"uid-{name}"}, "spec": spec})


def schema(**spec: Any) -> FlowSchema:
    reference = {"name": "l"}
    obj = {"metadata": {"name": "s"}, "spec": {"priorityLevelConfiguration": reference, **spec}}
    return FlowSchema(obj)


def ask(at: PriorityLevel, flow: str, seats: int = 1) -> tuple[Ticket, str]:
    ticket = Ticket(schema(), at, seats)
    return ticket, "" if at.try_seat(ticket) else at.enqueue(ticket, flow)


def is_seated(ticket: Ticket) -> bool:
    return ticket.future is None or (ticket.future.done() and not ticket.future.cancelled())


async def test_free_seats_are_taken_at_once_and_given_back_once() -> None:
    at = level()
    at.set_limit(2)
    first, _ = ask(at, "a")
    second, _ = ask(at, "a")
    third, _ = ask(at, "a")
    assert [is_seated(each) for each in (first, second, third)] == [True, True, False]
    first.leave()
    first.leave()
    assert is_seated(third)
    assert (at.in_use, at.running, at.waiting) == (2, 2, 0)


async def test_a_level_without_seats_serves_one_after_the_other() -> None:
    at = level(queues=0)
    first, refusal = ask(at, "a")
    assert (is_seated(first), refusal) == (True, "")
    assert ask(at, "a")[1] == "concurrency-limit"
    first.leave()
    assert ask(at, "a")[1] == ""


async def test_a_flow_that_asks_for_much_waits_behind_itself() -> None:
    at = level(queues=64, hand=1)
    at.set_limit(1)
    begun, _ = ask(at, "first")
    elephants = [ask(at, "elephant")[0] for _ in range(20)]
    mouse, _ = ask(at, "mouse")
    begun.leave()
    elephants[0].leave()
    # The mouse's turn comes after one of the elephant's requests, not after all.
    assert is_seated(mouse)
    assert not is_seated(elephants[1])


async def test_wide_requests_count_for_more_and_are_not_overtaken() -> None:
    at = level(queues=1, hand=1)
    at.set_limit(3)
    one, _ = ask(at, "a")
    wide, _ = ask(at, "a", seats=3)
    narrow, _ = ask(at, "a")
    assert not is_seated(wide)
    assert not is_seated(narrow)
    one.leave()
    assert is_seated(wide)
    assert not is_seated(narrow)
    wide.leave()
    assert is_seated(narrow)
    # One that is wider than the level ever is runs alone.
    huge, _ = ask(at, "a", seats=9)
    narrow.leave()
    assert is_seated(huge)


async def test_a_full_queue_and_no_queue_refuse() -> None:
    at = level(queues=1, hand=1, length=1)
    at.set_limit(1)
    assert [ask(at, "a")[1] for _ in range(3)] == ["", "", "queue-full"]
    at = level(queues=0)
    at.set_limit(1)
    assert [ask(at, "a")[1] for _ in range(2)] == ["", "concurrency-limit"]


async def test_who_gives_up_waiting_is_gone() -> None:
    at = level(queues=1, hand=1)
    at.set_limit(1)
    begun, _ = ask(at, "a")
    gone, _ = ask(at, "a")
    after, _ = ask(at, "a")
    gone.leave()
    begun.leave()
    assert is_seated(after)
    after.leave()
    assert (at.in_use, at.running, at.waiting) == (0, 0, 0)


async def test_a_cancelled_wait_takes_no_seat() -> None:
    at = level(queues=1, hand=1)
    at.set_limit(1)
    begun, _ = ask(at, "a")
    waiting, _ = ask(at, "a")
    assert waiting.future is not None
    waiting.future.cancel()
    begun.leave()
    waiting.leave()
    await asyncio.sleep(0)
    assert (at.in_use, at.running, at.waiting) == (0, 0, 0)


def test_a_hand_is_of_different_queues_and_always_the_same() -> None:
    hands = [tuple(deal_queues(f"flow{number}", 128, 6)) for number in range(100)]
    assert all(len(set(hand)) == 6 for hand in hands)
    assert len(set(hands)) == 100
    assert deal_queues("flow0", 128, 6) == list(hands[0])
    assert sorted(deal_queues("x", 4, 8)) == [0, 1, 2, 3]


def test_shares_are_upstreams() -> None:
    """The figures of upstream's metrics at 600 seats."""
    levels = [
        level("system", nominalConcurrencyShares=30, lendablePercent=33),
        level("node-high", nominalConcurrencyShares=40, lendablePercent=25),
        level("leader-election", nominalConcurrencyShares=10, lendablePercent=0),
        level("workload-high", nominalConcurrencyShares=40, lendablePercent=50),
        level("workload-low", nominalConcurrencyShares=100, lendablePercent=90),
        level("global-default", nominalConcurrencyShares=20, lendablePercent=50),
        level("catch-all", queues=0, nominalConcurrencyShares=5, lendablePercent=0),
    ]
    allocation.distribute_shares(levels, 600)
    assert [each.nominal for each in levels] == [74, 98, 25, 98, 245, 49, 13]
    assert [each.least for each in levels] == [50, 73, 25, 49, 24, 24, 13]
    assert levels[0].most == 674


async def test_seats_are_lent_to_who_needs_them_and_come_back() -> None:
    busy = level("busy", nominalConcurrencyShares=50, lendablePercent=50)
    idle = level("idle", nominalConcurrencyShares=50, lendablePercent=80)
    strict = level("strict", nominalConcurrencyShares=50, lendablePercent=50, borrowingLimitPercent=10)
    levels = [busy, idle, strict]
    allocation.distribute_shares(levels, 90)
    assert [each.limit for each in levels] == [30, 30, 30]
    tickets = [ask(busy, "a")[0] for _ in range(60)]
    allocation.lend_seats(levels, 90)
    assert busy.limit > 55
    assert idle.limit >= idle.least == 6
    assert sum(is_seated(ticket) for ticket in tickets) == min(busy.limit, 60)
    for ticket in tickets:
        ticket.leave()
    for _ in range(30):
        allocation.lend_seats(levels, 90)
    assert abs(busy.limit - strict.limit) <= 20
    assert strict.limit <= 33


@pytest.mark.parametrize(
    ("rule", "user", "matches"),
    [
        ({"subjects": [{"kind": "User", "user": {"name": "*"}}]}, UserInfo("x"), True),
        ({"subjects": [{"kind": "Group", "group": {"name": "g"}}]}, UserInfo("x", ("g",)), True),
        ({"subjects": [{"kind": "Group", "group": {"name": "g"}}]}, UserInfo("g"), False),
        (
            {"subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": "n", "name": "*"}}]},
            UserInfo("system:serviceaccount:n:a"),
            True,
        ),
        (
            {"subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": "n", "name": "b"}}]},
            UserInfo("system:serviceaccount:n:a"),
            False,
        ),
    ],
)
def test_subjects(rule: dict[str, Any], user: UserInfo, matches: bool) -> None:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True}
    info = RequestInfo(path="", verb="get", is_resource_request=True, resource="nodes")
    assert schema(rules=[rule | {"resourceRules": [everything]}]).matches(user, info) is matches


@pytest.mark.parametrize(
    ("resource", "subresource", "namespace", "matches"),
    [
        ("pods", "", "a", True),
        ("pods", "log", "a", True),
        ("pods", "exec", "a", False),
        ("pods", "", "b", False),
        ("pods", "", "", False),
        ("nodes", "", "a", False),
    ],
)
def test_resource_rules(resource: str, subresource: str, namespace: str, matches: bool) -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"], "namespaces": ["a"]}
    subjects = [{"kind": "User", "user": {"name": "x"}}]
    info = RequestInfo(
        path="", verb="get", is_resource_request=True, resource=resource, subresource=subresource,
        namespace=namespace,
    )  # fmt: skip
    found = schema(rules=[{"subjects": subjects, "resourceRules": [rule]}])
    assert found.matches(UserInfo("x"), info) is matches


@pytest.mark.parametrize(("path", "matches"), [("/healthz", True), ("/metrics/x", True), ("/version", False)])
def test_path_rules(path: str, matches: bool) -> None:
    rule = {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/metrics/*"]}
    subjects = [{"kind": "User", "user": {"name": "x"}}]
    info = RequestInfo(path=path, verb="get", is_resource_request=False)
    found = schema(rules=[{"subjects": subjects, "nonResourceRules": [rule]}])
    assert found.matches(UserInfo("x"), info) is matches
