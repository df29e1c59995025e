"""A forced reset of single hosts says what it costs the others, and is refused if that is their quorum."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from kprov.errors import InputError
from kprov.operations.etcd_members import Member
from kprov.operations.forced_reset import Departure, decide_departure
from kprov.operations.membership import Membership

FIVE = [Member(name, name, (f"https://{name}:2380",), ()) for name in ("a", "b", "c", "d", "e")]


def decide(
    members: Sequence[Member] | None,
    healthy: Collection[str],
    leaving: Collection[str],
    *,
    node: bool = False,
    data: Sequence[str] = (),
    without_quorum: bool = False,
) -> Departure:
    places = {
        name: ([member for member in members or () if member.id == name], node) for name in sorted(leaving)
    }
    membership = Membership(None if members is None else list(members), None)
    return decide_departure(membership, healthy, places, lambda: list(data), without_quorum=without_quorum)


@pytest.mark.parametrize(
    ("count", "leaving", "text"),
    [
        (3, "c", "c leaves etcd first. It then has 2 of 3 members, which tolerate no failures instead of 1."),
        (5, "e", "e leaves etcd first. It then has 4 of 5 members, which tolerate 1 failure instead of 2."),
        (
            5,
            "de",
            "d, e leave etcd first. It then has 3 of 5 members, which tolerate 1 failure instead of 2.",
        ),
    ],
)
def test_members_leave_and_the_remaining_tolerance_is_named(count: int, leaving: str, text: str) -> None:
    departure = decide(FIVE[:count], "abcde", leaving)
    assert [member.id for member in departure.members] == list(leaving)
    assert departure.consequences == (text,)


def test_hosts_that_stay_nodes_are_named_with_the_commands() -> None:
    departure = decide(FIVE[:3], "abc", "x", node=True)
    assert departure.members == ()
    assert departure.consequences[0].startswith("x stays a node of the cluster")
    assert "`kprov node remove x`" in departure.consequences[0]
    two = decide(FIVE, "abcde", "de", node=True)
    assert two.consequences[1].startswith("d, e stay nodes")


@pytest.mark.parametrize(
    ("healthy", "leaving", "reason"),
    [
        (
            "ac",
            "c",
            "without c etcd has no quorum: 1 of 2 members would be healthy, 2 are needed (b is down)",
        ),
        ("abc", "abc", "without a, b, c etcd has no member"),
        ("a", "c", "etcd has no quorum: 1 of 3 members are healthy, 2 are needed"),
    ],
)
def test_a_lost_quorum_needs_a_consent_of_its_own(healthy: str, leaving: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        decide(FIVE[:3], healthy, leaving)
    assert f"refused, nothing was changed: {reason}" in str(caught.value)
    assert str(caught.value).endswith("--without-quorum accepts that")
    accepted = decide(FIVE[:3], healthy, leaving, without_quorum=True)
    assert accepted.members == ()
    assert accepted.consequences[0].lower().startswith(reason.lower())
    assert "`kprov etcd restore`" in accepted.consequences[0]


def test_data_of_etcd_is_not_erased_while_no_quorum_serves() -> None:
    with pytest.raises(InputError, match="the data of a may be needed to regain it"):
        decide(None, "", "ab", data=["a"])
    assert decide(None, "", "ab") == Departure()


def test_a_host_that_is_no_member_leaves_without_a_word() -> None:
    assert decide(FIVE[:3], "a", "x") == Departure()
