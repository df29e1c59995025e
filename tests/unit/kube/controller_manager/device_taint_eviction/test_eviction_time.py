"""When pods leave tainted devices."""

import pytest

from kprov.kube.controller_manager.device_taint_eviction.eviction_time import (
    compute_eviction_time,
    find_device,
    has_evicting_taint,
)
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

SINCE = "2026-01-01T00:00:00Z"
TAINT = {"key": "broken", "value": "yes", "effect": "NoExecute", "timeAdded": SINCE}


def make_toleration(seconds: int | None = None, **fields: str) -> JsonObject:
    found: JsonObject = {"effect": "NoExecute", **fields}
    return found if seconds is None else found | {"tolerationSeconds": seconds}


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0),
        ([make_toleration(operator="Exists")], None),
        ([make_toleration(key="broken", value="yes")], None),
        ([make_toleration(key="broken", value="no")], 0),
        ([make_toleration(key="other", operator="Exists")], 0),
        ([{"operator": "Exists"}], 0),
        ([make_toleration(30, operator="Exists")], 30),
        ([make_toleration(-1, operator="Exists")], 0),
        ([make_toleration(30, operator="Exists"), make_toleration(10, operator="Exists")], 10),
        ([make_toleration(30, operator="Exists"), make_toleration(operator="Exists")], None),
    ],
)
def test_tolerations_delay_the_eviction(tolerations: list[JsonObject], seconds: int | None) -> None:
    found = compute_eviction_time({"tolerations": tolerations}, {"name": "d", "taints": [TAINT]})
    assert found == (None if seconds is None else timestamps.seconds(SINCE) + seconds)


def test_the_earliest_taint_counts_and_other_effects_do_not() -> None:
    later = {**TAINT, "timeAdded": "2026-01-02T00:00:00Z"}
    weaker = {**TAINT, "effect": "NoSchedule", "timeAdded": "2025-01-01T00:00:00Z"}
    device = {"name": "d", "taints": [weaker, later, TAINT]}
    assert compute_eviction_time({}, device) == timestamps.seconds(SINCE)
    assert compute_eviction_time({}, {"name": "d", "taints": [weaker]}) is None


def make_slice(generation: int, *taints: JsonObject) -> JsonObject:
    return {"spec": {"pool": {"generation": generation}, "devices": [{"name": "d", "taints": list(taints)}]}}


def test_old_slices_of_a_pool_are_ignored() -> None:
    old, new = make_slice(1, TAINT), make_slice(2)
    assert find_device([old, new], "d") == {"name": "d", "taints": []}
    assert find_device([old, new], "other") is None
    assert find_device([], "d") is None
    assert has_evicting_taint(old)
    assert not has_evicting_taint(new)
