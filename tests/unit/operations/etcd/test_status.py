"""What etcdctl prints about members, as their state and problems."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.operations.etcd.alarms import format_size
from kprov.operations.etcd.defrag import is_worthwhile, order_members
from kprov.operations.etcd.status import (
    Member,
    assign_alarms,
    find_member_problems,
    parse_alarms,
    parse_status,
)

STATUS: dict[str, Any] = {
    "header": {"cluster_id": 1, "member_id": 12167347302318552629, "revision": 339, "raft_term": 2},
    "version": "3.5.16",
    "dbSize": 536576,
    "leader": 2045234477427300965,
    "raftIndex": 539,
    "raftTerm": 2,
    "raftAppliedIndex": 539,
    "dbSizeInUse": 528384,
}


def make_member(host: str = "a", **fields: Any) -> Member:
    values = {"id": 1, "has_leader": True, "raft_index": 5000, "applied_index": 5000, **fields}
    return Member(host, **values)


def test_a_follower_knows_its_leader() -> None:
    member = parse_status("node1", STATUS)
    assert (member.leader, member.has_leader, member.free) == (False, True, 8192)
    assert member.to_json()["id"] == "a8db19e7f5813635"


def test_alarms_have_names_by_member() -> None:
    document = {"alarms": [{"memberID": 7, "alarm": 1}, {"memberID": 7, "alarm": 2}]}
    assert parse_alarms(document) == {7: ("NOSPACE", "CORRUPT")}
    assert parse_alarms({"header": {}}) == {}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"error": "connection refused"}, "does not answer: connection refused"),
        ({"has_leader": False}, "the quorum is lost"),
        ({"applied_index": 3000}, "lags behind by 2000 entries"),
        ({"alarms": ("CORRUPT",)}, "the data is corrupt"),
    ],
)
def test_an_unhealthy_member_is_named(fields: dict[str, Any], problem: str) -> None:
    (line,) = find_member_problems([make_member(), make_member("b", **fields)])
    assert line.startswith("b: ")
    assert problem in line


def test_a_full_member_is_healthy_enough_to_be_defragmented() -> None:
    assert find_member_problems([make_member(alarms=("NOSPACE",))]) == []


def test_the_leader_is_defragmented_last() -> None:
    members = [make_member("a"), make_member("b", leader=True), make_member("c")]
    assert [member.host for member in order_members(members)] == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("size", "in_use", "worthwhile"),
    [(100 << 20, 40 << 20, True), (100 << 20, 95 << 20, False), (1 << 20, 1 << 18, False)],
)
def test_only_much_free_space_is_worth_a_defragmentation(size: int, in_use: int, worthwhile: bool) -> None:
    assert is_worthwhile(make_member(size=size, in_use=in_use)) is worthwhile


def test_sizes_have_units() -> None:
    assert [format_size(size) for size in (5, 2048, 3 << 20, 5 << 30)] == [
        "5 B",
        "2.0 KiB",
        "3.0 MiB",
        "5.0 GiB",
    ]


def test_members_get_their_alarms() -> None:
    members = [make_member("a", id=1, leader=True), make_member("b", id=2)]
    assigned = assign_alarms(members, {2: ("NOSPACE", "CORRUPT")})
    assert [member.alarms for member in assigned] == [(), ("NOSPACE", "CORRUPT")]


def test_an_alarm_of_a_member_that_is_gone_is_the_leaders() -> None:
    members = [make_member("a", id=1), make_member("b", id=2, leader=True)]
    assigned = assign_alarms(members, {7: ("NOSPACE",), 8: ("CORRUPT",)})
    assert [member.alarms for member in assigned] == [(), ("NOSPACE",)]
