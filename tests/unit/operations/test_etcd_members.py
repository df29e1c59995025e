"""Members of etcd: what etcdctl prints, and which removals lose the quorum."""

from __future__ import annotations

import pytest

from kprov.operations.etcd_members import (
    Member,
    explain_lost_quorum,
    find_members,
    parse_members,
)

# As etcdctl 3.5 prints it: ids are decimal numbers beyond 2**53.
_LIST = (
    '{"header":{"cluster_id":1},"members":['
    '{"ID":10501334649042878790,"name":"a","peerURLs":["https://10.0.0.1:2380"],"clientURLs":["https://10.0.0.1:2379"]},'
    '{"ID":2,"peerURLs":["https://10.0.0.2:2380"],"isLearner":true}]}'
)


def member(name: str, *, learner: bool = False) -> Member:
    return Member(name, name, (f"https://{name}:2380",), (f"https://{name}:2379",), learner)


def test_ids_are_hexadecimal_and_a_member_that_never_started_has_no_name() -> None:
    first, second = parse_members(_LIST)
    assert (first.id, first.name, first.address) == ("91bc3c398fb3c146", "a", "10.0.0.1")
    assert (second.id, second.title, second.is_learner) == ("2", "10.0.0.2", True)


def test_a_host_with_a_new_address_has_its_old_member() -> None:
    members = parse_members(_LIST)
    assert find_members(members, name="a", address="10.0.0.9") == [members[0]]
    assert find_members(members, name="a", address="10.0.0.2") == members


@pytest.mark.parametrize(
    ("names", "healthy", "removed", "explanation"),
    [
        ("abc", "abc", "a", None),
        ("abc", "bc", "a", None),
        ("abcde", "abcde", "de", None),
        ("abc", "ac", "a", "1 of 2 members would be healthy, 2 are needed (b is down)"),
        ("ab", "a", "b", "etcd has no quorum: 1 of 2 members are healthy, 2 are needed"),
        ("a", "a", "a", "without a etcd has no member"),
        ("abcde", "abc", "a", "2 of 4 members would be healthy, 3 are needed (d, e are down)"),
        ("edcba", "abc", "ba", "without a, b etcd has no quorum: 1 of 3 members would be healthy"),
        ("abcde", "abc", "d", None),
    ],
)
def test_a_removal_that_loses_the_quorum_is_explained(
    names: str, healthy: str, removed: str, explanation: str | None
) -> None:
    text = explain_lost_quorum([member(name) for name in names], set(healthy), set(removed))
    assert (text is None) if explanation is None else (text is not None and explanation in text)


def test_a_learner_has_no_vote() -> None:
    members = [member("a"), member("b"), member("c"), member("d", learner=True)]
    assert explain_lost_quorum(members, {"a", "b"}, {"d"}) is None
    assert explain_lost_quorum(members, {"a", "b"}, {"a"}) is not None
