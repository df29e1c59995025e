"""Node health, taints, evictions, pod ranges."""

import pytest

from kprov.kube.api.core import Node, Taint, Toleration
from kprov.kube.api.meta import Condition
from kprov.kube.controller_manager import ttl
from kprov.kube.controller_manager.node import health, zones
from kprov.kube.controller_manager.node.cidrs import CidrSet, parse_cidrs
from kprov.kube.controller_manager.node.taint_eviction import get_toleration_seconds
from kprov.kube.controller_manager.node.zones import ZoneState

NOW = "2026-01-01T00:00:00Z"


def node(ready: str = "True", *taints: tuple[str, str]) -> Node:
    made = Node()
    made.metadata.name = "n"
    if ready:
        made.status.conditions = [Condition(type="Ready", status=ready)]
    made.spec.taints = [Taint(key=key, effect=effect) for key, effect in taints]
    return made


def keys(taints: list[Taint] | None) -> set[tuple[str, str]]:
    return {(taint.key.removeprefix("node.kubernetes.io/"), taint.effect) for taint in taints or []}


def test_a_ready_node_loses_our_taints_and_keeps_those_of_others() -> None:
    given = node(
        "True", (health.UNREACHABLE, "NoExecute"), (health.UNREACHABLE, "NoSchedule"), ("x", "NoExecute")
    )
    assert keys(health.make_taints(given, NOW, evict=False)) == {("x", "NoExecute")}
    assert health.make_taints(node("True", ("x", "NoExecute")), NOW, evict=False) is None


def test_a_silent_node_is_closed_at_once_and_emptied_when_allowed() -> None:
    assert keys(health.make_taints(node("Unknown"), NOW, evict=False)) == {("unreachable", "NoSchedule")}
    both = {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}
    assert keys(health.make_taints(node("Unknown"), NOW, evict=True)) == both


def test_a_node_under_notice_changes_its_reason_without_new_permission() -> None:
    given = node("False", (health.UNREACHABLE, "NoExecute"), (health.UNREACHABLE, "NoSchedule"))
    both = {("not-ready", "NoSchedule"), ("not-ready", "NoExecute")}
    assert keys(health.make_taints(given, NOW, evict=False)) == both


def test_a_cordoned_node_is_tainted() -> None:
    given = node()
    given.spec.unschedulable = True
    assert keys(health.make_taints(given, NOW, evict=False)) == {("unschedulable", "NoSchedule")}


def test_silence_makes_conditions_unknown_once() -> None:
    given = node("True")
    written = health.make_unknown_conditions(given, NOW)
    assert {entry["type"]: entry["reason"] for entry in written}["Ready"] == "NodeStatusUnknown"
    given.status.conditions = [Condition(type=entry["type"], status="Unknown") for entry in written]
    assert health.make_unknown_conditions(given, NOW) == []


@pytest.mark.parametrize(
    ("states", "state", "rate"),
    [
        ("TTT", ZoneState.NORMAL, 0.1),
        ("TUU", ZoneState.NORMAL, 0.1),
        ("TUUU", ZoneState.PARTIAL, 0.0),
        ("TUUTTTTT", ZoneState.NORMAL, 0.1),
        # A zone without any ready node is lost, if others work.
        ("U", ZoneState.FULL, 0.1),
        ("UUUUU", ZoneState.FULL, 0.1),
        ("T" + 50 * "U", ZoneState.PARTIAL, 0.01),
    ],
)
def test_a_zone_that_is_mostly_gone_evicts_nobody(states: str, state: ZoneState, rate: float) -> None:
    nodes = [node("True" if each == "T" else "Unknown") for each in states]
    assert zones.compute_state(nodes, 0.55) is state
    assert zones.compute_rate(state, len(nodes), rate=0.1, secondary_rate=0.01, large_size=50) == rate


def test_a_zone_has_the_key_of_its_labels() -> None:
    labelled, bare = node(), node()
    labelled.metadata.labels = {
        "topology.kubernetes.io/region": "r",
        "topology.kubernetes.io/zone": "z",
        "failure-domain.beta.kubernetes.io/zone": "old",
    }
    assert zones.get_zone(labelled) == "r:\x00:old"
    assert zones.get_zone(bare) == ""
    assert zones.counts_for_zone(bare)
    bare.metadata.labels = {"node.kubernetes.io/exclude-disruption": ""}
    assert not zones.counts_for_zone(bare)


def test_an_outage_takes_back_the_taints_that_end_pods() -> None:
    given = node("Unknown", (health.UNREACHABLE, "NoExecute"), (health.UNREACHABLE, "NoSchedule"))
    assert keys(health.drop_eviction_taints(given)) == {("unreachable", "NoSchedule")}
    assert health.drop_eviction_taints(node("Unknown", ("x", "NoExecute"))) is None


def test_old_labels_follow_the_current_ones() -> None:
    given = node()
    given.metadata.labels = {"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "other"}
    assert health.find_wrong_labels(given) == {"beta.kubernetes.io/os": "linux"}
    given.metadata.labels = {"kubernetes.io/arch": "arm64"}
    assert health.find_wrong_labels(given) == {"beta.kubernetes.io/arch": "arm64"}
    assert health.find_wrong_labels(node()) == {}


def test_how_long_a_pod_may_stay() -> None:
    taint = Taint(key=health.UNREACHABLE, effect="NoExecute")
    for_a_while = Toleration(
        key=health.UNREACHABLE, operator="Exists", effect="NoExecute", toleration_seconds=300
    )
    for_ever = Toleration(operator="Exists")
    assert get_toleration_seconds([taint], []) == 0
    assert get_toleration_seconds([taint], [for_a_while]) == 300
    assert get_toleration_seconds([taint], [for_ever]) is None
    assert get_toleration_seconds([taint, Taint(key="x", effect="NoExecute")], [for_a_while]) == 0


def test_ranges_are_given_once_and_go_round() -> None:
    (cluster,) = parse_cidrs("10.233.64.0/18")
    ranges = CidrSet(cluster, 24)
    taken: set[str] = set()
    for _ in range(64):
        part = ranges.allocate(taken.__contains__)
        assert part is not None
        assert part not in taken
        taken.add(part)
    assert ranges.allocate(taken.__contains__) is None
    taken.remove("10.233.70.0/24")
    assert ranges.allocate(taken.__contains__) == "10.233.70.0/24"


def test_service_ranges_are_kept_free() -> None:
    ranges = CidrSet(parse_cidrs("10.0.0.0/22")[0], 24, parse_cidrs("10.0.0.0/24"))
    assert ranges.allocate(lambda _: False) == "10.0.1.0/24"


def test_ttl_follows_the_size_without_flapping() -> None:
    assert [
        ttl.get_next_step(0, 100),
        ttl.get_next_step(0, 101),
        ttl.get_next_step(1, 95),
        ttl.get_next_step(1, 89),
    ] == [
        0,
        1,
        1,
        0,
    ]
