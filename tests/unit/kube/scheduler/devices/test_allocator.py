"""The search for devices on one node."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.allocated import AllocatedState
from kprov.kube.scheduler.devices.allocator import NodeAllocator, SearchTimeoutError
from kprov.kube.scheduler.devices.counters import AvailableCounters
from kprov.kube.scheduler.devices.pools import gather_pools
from kprov.kube.scheduler.devices.requests import AllocationError, NodeError
from kprov.kube.scheduler.devices.slices import SliceStore, Topology

CLASS: JsonObject = {"metadata": {"name": "gpu"}, "spec": {}}


def build_slice(*devices: JsonObject, name: str = "s", node: str = "a", **pool: int) -> JsonObject:
    pool_spec = {"name": "pool", "generation": 1, "resourceSliceCount": 1} | pool
    spec = {"driver": "gpu.org", "nodeName": node, "pool": pool_spec, "devices": list(devices)}
    return {"metadata": {"name": name}, "spec": spec}


def build_device(name: str, group: int = 0, **fields: Any) -> JsonObject:
    return {"name": name, "attributes": {"group": {"int": group}}} | fields


def build_claim(*requests: JsonObject, name: str = "c", constraints: Sequence[JsonObject] = ()) -> JsonObject:
    devices = {"requests": list(requests), "constraints": list(constraints)}
    return {"metadata": {"namespace": "ns", "name": name}, "spec": {"devices": devices}}


def request(name: str = "r", **fields: Any) -> JsonObject:
    return {"name": name, "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount"} | fields}


def allocate(
    slices: Iterable[JsonObject],
    *claims: JsonObject,
    allocated: AllocatedState | None = None,
    seconds: float = math.inf,
) -> list[list[tuple[str, str]]] | None:
    """(request, device) of each claim on node a."""
    store = SliceStore()
    for each in slices:
        store.set(each)

    def matches(topology: Topology) -> bool:
        return topology.node == "a" or topology.all_nodes

    state = allocated or AllocatedState()
    pools = gather_pools(store, "a", store.list_shared(), matches)
    counters = AvailableCounters(lambda id_: id_ in state.devices)
    found = NodeAllocator(
        claims,
        pools,
        matches=matches,
        get_class=lambda name: CLASS if name == "gpu" else None,
        allocated=state,
        counters=counters,
        deadline=time.monotonic() + seconds,
    ).allocate()
    if found is None:
        return None
    return [[(each.request.full_name, each.device.id.device) for each in claim.chosen] for claim in found]


def test_the_search_goes_back_when_a_first_choice_blocks_a_later_one() -> None:
    """Request x may have both devices, y only the first one."""
    selector = {"cel": {"expression": 'device.attributes["gpu.org"].group == 0'}}
    claim = build_claim(request("x"), request("y", selectors=[selector]))
    slices = [build_slice(build_device("d0", 0), build_device("d1", 1))]
    assert allocate(slices, claim) == [[("x", "d1"), ("y", "d0")]]


def test_claims_of_a_pod_get_different_devices() -> None:
    slices = [build_slice(build_device("d0"), build_device("d1"))]
    claims = [build_claim(request(), name=name) for name in ("one", "two")]
    assert allocate(slices, *claims) == [[("r", "d0")], [("r", "d1")]]
    assert allocate(slices, *claims, build_claim(request(), name="three")) is None


def test_only_complete_pools_of_the_newest_generation_count() -> None:
    old = build_slice(build_device("old"), name="old", generation=1)
    new = build_slice(build_device("new"), name="new", generation=2)
    assert allocate([old, new], build_claim(request())) == [[("r", "new")]]
    part = build_slice(build_device("old"), name="old", resourceSliceCount=2)
    elsewhere = build_slice(build_device("new"), name="new", node="b", generation=2)
    assert allocate([part, elsewhere], build_claim(request())) is None
    # As upstream (GatherPools): nothing tells a whole old pool from the newest one of the node.
    assert allocate([old, elsewhere], build_claim(request())) == [[("r", "old")]]
    half = build_slice(build_device("d"), resourceSliceCount=2)
    assert allocate([half], build_claim(request())) is None
    with pytest.raises(AllocationError, match=r"gpu\.org/pool is currently being updated$"):
        allocate([half], build_claim(request(allocationMode="All")))


def test_a_pool_with_a_device_twice_is_invalid() -> None:
    slices = [build_slice(build_device("d"), name=name, resourceSliceCount=2) for name in ("first", "second")]
    with pytest.raises(NodeError, match=r"^invalid resource pools were encountered$"):
        allocate(slices, build_claim(request()))


def test_a_claim_cannot_have_more_than_32_devices() -> None:
    slices = [build_slice(*(build_device(f"d{number}") for number in range(40)))]
    with pytest.raises(
        AllocationError, match=r"number of requested devices 33 exceeds the claim limit of 32$"
    ):
        allocate(slices, build_claim(request(count=33)))
    many = {"name": "many", "deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 20}
    few = many | {"name": "few", "count": 2}
    claim = build_claim(request("x", count=20), {"name": "y", "firstAvailable": [many, few]})
    found = allocate(slices, claim)
    assert found is not None
    assert Counter(name for name, _ in found[0]) == {"x": 20, "y/few": 2}


def test_a_constraint_for_all_devices_that_cannot_be_met_is_an_error() -> None:
    slices = [build_slice(build_device("d0", 0), build_device("d1", 1))]
    claim = build_claim(request(allocationMode="All"), constraints=[{"matchAttribute": "gpu.org/group"}])
    with pytest.raises(AllocationError, match=r"^claim ns/c, request r: cannot add device gpu\.org/pool/d1 "):
        allocate(slices, claim)


def test_a_search_without_an_end_is_stopped() -> None:
    """30 devices in pairs of the same group, and one that makes a claim for 16 different ones fail."""
    slices = [build_slice(*(build_device(f"d{number}", number // 2) for number in range(30)))]
    claim = build_claim(request(count=16), constraints=[{"distinctAttribute": "gpu.org/group"}])
    start = time.monotonic()
    with pytest.raises(SearchTimeoutError):
        allocate(slices, claim, seconds=0.1)
    assert time.monotonic() - start < 5


@given(
    groups=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    is_distinct=st.booleans(),
)
def test_a_solution_is_found_exactly_if_there_is_one(
    groups: list[int], counts: list[int], is_distinct: bool
) -> None:
    slices = [build_slice(*(build_device(f"d{n}", group) for n, group in enumerate(groups)))]
    kind = "distinctAttribute" if is_distinct else "matchAttribute"
    requests = [request(f"r{n}", count=count) for n, count in enumerate(counts)]
    found = allocate(slices, build_claim(*requests, constraints=[{kind: "gpu.org/group"}]))
    sizes = Counter(groups)
    wanted = sum(counts)
    assert (found is not None) is (wanted <= (len(sizes) if is_distinct else max(sizes.values())))
    if found is not None:
        names = [device for _, device in found[0]]
        chosen = {groups[int(name[1:])] for name in names}
        assert len(set(names)) == wanted
        assert len(chosen) == (wanted if is_distinct else 1)
