"""DynamicResources decides for all nodes at once as a plain search decides for one node.

The plugin may choose other devices than the search. They have to be allowed by the same rules.
`KPROV_TEST_EXAMPLES` sets the number of random clusters.
"""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Node, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.allocated import ClaimStore
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.framework.plugin import CycleState
from kprov.kube.scheduler.framework.runtime.filters import filter_slots, select_slots
from kprov.kube.scheduler.framework.status import SKIP
from kprov.kube.scheduler.plugins.dynamic_resources import DynamicResources
from kprov.kube.scheduler.plugins.node_resources import NodeResourcesFit
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.pod_info import build_pod_info
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.oracle.cluster import get_name, match_terms
from tests.unit.kube.scheduler.oracle.devices import (
    Choice,
    DeviceCluster,
    Place,
    can_use,
    check_devices,
    consume,
    is_allowed,
    is_selected,
    list_all,
    list_alternatives,
    list_places,
    score_devices,
)
from tests.unit.kube.scheduler.oracle.random_devices import DeviceGenerator

EXAMPLES = int(os.environ.get("KPROV_TEST_EXAMPLES", "150"))
quick = settings(max_examples=EXAMPLES, deadline=None)
seeds = st.integers(0, 2**32)


class Example:
    """A random cluster, the plugin, and the cycle of a pod after PreFilter."""

    def __init__(self, seed: int) -> None:
        self.cluster = DeviceGenerator(seed).build_cluster()
        self.listers = build_listers(self.cluster)
        self.plugin = DynamicResources(self.listers)
        state = ClusterState()
        for node in self.cluster.nodes:
            state.set_node(convert(node, Node))
        self.cycle = CycleState(build_pod_info(make_pod(self.cluster)), state)
        self.status = self.plugin.pre_filter(self.cycle)

    def get_slot(self, node: JsonObject) -> int:
        return self.cycle.state.slot_of[get_name(node)]

    def find_reason(self, node: JsonObject) -> str | None:
        """Why the node is rejected."""
        only = select_slots(self.cycle.state, [self.get_slot(node)])
        plugins = [NodeResourcesFit(None, self.listers)]
        filters = plugins if self.status is SKIP else [*plugins, self.plugin]
        result = filter_slots(filters, self.cycle, only)
        assert not result.resolvable.any() or "cannot" not in str(result.diagnosis.reasons)
        return next(iter(result.diagnosis.reasons), None)

    def list_fitting(self) -> list[JsonObject]:
        return [node for node in self.cluster.nodes if self.find_reason(node) is None]


def build_listers(cluster: DeviceCluster) -> DeviceListers:
    listers = DeviceListers(
        claims=ClaimStore(lambda _, name: cluster.claims.get(name)), get_class=cluster.classes.get
    )
    for device_class in cluster.classes.values():
        listers.extended.set(device_class)
    for each in cluster.slices:
        listers.slices.set(each)
    for claim in cluster.claims.values():
        listers.claims.handle_claim(claim)
    return listers


def make_pod(cluster: DeviceCluster) -> Pod:
    references = [{"name": name, "resourceClaimName": name} for name in cluster.wanted]
    amounts = {cluster.extended: str(cluster.amount)} if cluster.extended else {}
    return view_pod(metadata={"uid": "u"}, requests=amounts, resourceClaims=references)


def read_choices(cluster: DeviceCluster, node: JsonObject, allocations: list[JsonObject]) -> list[Choice]:
    """What the plugin has chosen, in the order of the claims. Fails if a request has too few devices."""
    places = {place.key: place for place in list_places(cluster, node)}
    choices = []
    for claim, allocation in zip(cluster.list_missing(node), allocations, strict=True):
        given: dict[str, list[Place]] = {}
        for result in allocation["devices"]["results"]:
            place = places[result["driver"], result["pool"], result["device"]]
            given.setdefault(result["request"], []).append(place)
        for request in claim["spec"]["devices"]["requests"]:
            [chosen] = [each for each in list_alternatives(request) if each["name"] in given]
            choices.append(Choice(get_name(claim), chosen, given.pop(chosen["name"])))
        assert not given
    return choices


def check_choice(cluster: DeviceCluster, node: JsonObject, choice: Choice) -> None:
    """The selectors and the count."""
    assert all(is_selected(cluster, choice.request, place) for place in choice.places)
    assert len({place.key for place in choice.places}) == len(choice.places)
    if choice.request.get("allocationMode") == "All":
        everything = list_all(cluster, choice.request, list_places(cluster, node))
        assert {place.key for place in choice.places} == {place.key for place in everything}
    else:
        assert len(choice.places) == choice.request.get("count", 1)


def check_allocation(cluster: DeviceCluster, choices: list[Choice], allocation: JsonObject) -> None:
    """The nodes for which the claim is allocated can use all devices, and what it takes of shared ones."""
    given = {
        (choice.request["name"], *place.key): (choice.request, place)
        for choice in choices
        for place in choice.places
    }
    for result in allocation["devices"]["results"]:
        request, place = given[result["request"], result["driver"], result["pool"], result["device"]]
        selector = allocation.get("nodeSelector")
        for node in cluster.nodes:
            assert can_use(place.where, node) or not (selector is None or match_terms(selector, node))
        is_shared = bool(place.device.get("allowMultipleAllocations"))
        assert ("shareID" in result) == is_shared
        if is_shared:
            consumed = {name: str(value) for name, value in consume(request, place).items()}
            assert result.get("consumedCapacity", {}) == consumed


@quick
@given(seed=seeds)
def test_a_node_fits_exactly_if_a_plain_search_finds_devices(seed: int) -> None:
    example = Example(seed)
    for node in example.cluster.nodes:
        expected = check_devices(example.cluster, node)
        assert (get_name(node), example.find_reason(node)) == (get_name(node), expected)


@quick
@given(seed=seeds)
def test_the_devices_of_a_node_are_allowed_together(seed: int) -> None:
    example = Example(seed)
    cluster = example.cluster
    for node in example.list_fitting():
        before = dict(example.listers.claims.allocated.devices)
        assert example.plugin.reserve(example.cycle, get_name(node)) is None
        data = example.cycle.data.get("DynamicResources")
        allocations = list(getattr(data, "reserved", {}).values())
        choices = read_choices(cluster, node, allocations)
        for choice in choices:
            check_choice(cluster, node, choice)
        assert is_allowed(cluster, choices)
        for claim, allocation in zip(cluster.list_missing(node), allocations, strict=True):
            own = [choice for choice in choices if choice.claim == get_name(claim)]
            check_allocation(cluster, own, allocation)
        example.plugin.unreserve(example.cycle, get_name(node))
        assert dict(example.listers.claims.allocated.devices) == before


@quick
@given(seed=seeds)
def test_the_score_is_that_of_the_alternatives_that_are_found_first(seed: int) -> None:
    example = Example(seed)
    nodes = example.list_fitting()
    slots = [example.get_slot(node) for node in nodes]
    scores = example.plugin.score(example.cycle, select_slots(example.cycle.state, slots))
    expected = score_devices(example.cluster, nodes)
    if scores is None:
        assert len(set(expected)) <= 1
    else:
        assert [scores[slot] for slot in slots] == expected
