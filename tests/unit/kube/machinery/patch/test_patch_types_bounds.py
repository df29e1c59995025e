"""A small patch must not cost much more than its own size and that of the object."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import json_patch, patch_types
from kprov.kube.machinery.patch.strategic_merge import Budget, StrategicMergeError
from kprov.kube.machinery.status import StatusError
from tests.builders.containers import build_container
from tests.builders.pods import build_pod

POD = ("", "v1", "Pod")


def refuse(doc: JsonObject, operations: list[dict[str, Any]]) -> str:
    with pytest.raises(json_patch.JsonPatchError) as caught:
        json_patch.apply(doc, operations)
    return str(caught.value)


def make_pod(env: int) -> JsonObject:
    variables = [{"name": f"V{number}", "value": "x"} for number in range(env)]
    return build_pod("a", containers=[build_container(env=variables)])


def test_copies_that_double_the_document_end_at_upstreams_limit() -> None:
    doc = {"a": {"v": "x" * 20}}
    operations = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(40)]
    text = refuse(doc, operations)
    assert text.startswith("Unable to complete the copy, the accumulated size increase of copy is ")
    assert text.endswith(", exceeding the limit 3145728")


def test_copies_of_less_than_three_mebibytes_are_made() -> None:
    doc = {"a": "x" * 100_000}
    operations = [{"op": "copy", "from": "/a", "path": f"/b{number}"} for number in range(31)]
    assert len(json_patch.apply(doc, operations)) == 32


def test_insertions_at_the_head_of_a_long_list_are_bounded() -> None:
    add = {"op": "add", "path": "/a/0", "value": 1}
    assert len(json_patch.apply({"a": []}, [add] * 5_000)["a"]) == 5_000
    assert "move more than" in refuse({"a": [0] * 300_000}, [add] * 10_000)


def test_removals_and_moves_in_a_long_list_are_bounded() -> None:
    for operation in ({"op": "remove", "path": "/a/0"}, {"op": "move", "from": "/a/0", "path": "/a/-"}):
        assert "move more than" in refuse({"a": [0] * 300_000}, [operation] * 10_000)


def test_appending_and_removing_at_the_end_is_not_bounded() -> None:
    append = {"op": "add", "path": "/a/-", "value": 1}
    remove = {"op": "remove", "path": "/a/-1"}
    assert len(json_patch.apply({"a": [0] * 300_000}, [append] * 5_000 + [remove] * 4_999)["a"]) == 300_001


@pytest.mark.parametrize(
    "last", [{"op": "copy", "from": "/a", "path": "/b"}, {"op": "test", "path": "/a", "value": 1}]
)
def test_a_value_that_moves_have_nested_deeply_is_refused(last: dict[str, Any]) -> None:
    nest: list[dict[str, Any]] = [
        {"op": "add", "path": "/t", "value": {}},
        {"op": "move", "from": "/a", "path": "/t/a"},
        {"op": "move", "from": "/t", "path": "/a"},
    ]
    with pytest.raises(StatusError) as caught:
        patch_types.json_patch({"a": {}}, [*nest * 400, last])
    assert caught.value.code == 422


def test_operations_are_counted_before_they_are_read() -> None:
    with pytest.raises(StatusError) as caught:
        patch_types.json_patch({}, [None] * 10_001)
    assert caught.value.code == 413
    assert "The allowed maximum operations in a JSON patch is 10000, got 10001" in caught.value.message


def test_a_strategic_merge_patch_that_repeats_an_element_is_bounded() -> None:
    change = {"name": "c", "env": [{"name": "X", "value": "y"}]}
    with pytest.raises(StatusError) as caught:
        patch_types.strategic_merge_patch(make_pod(5_000), {"spec": {"containers": [change] * 1_000}}, POD)
    assert (caught.value.code, caught.value.message) == (400, "the patch merges the same lists too often")


def test_a_strategic_merge_patch_that_names_each_element_once_has_no_bound() -> None:
    pod = make_pod(30_000)
    assert patch_types.strategic_merge_patch(pod, {"spec": pod["spec"]}, POD) == pod


def test_only_repeated_merges_are_charged() -> None:
    budget = Budget()
    budget.charge(10**9)
    budget.repeats += 1
    with pytest.raises(StrategicMergeError):
        budget.charge(10**9)


def test_directives_of_many_names_are_read_as_sets() -> None:
    """With lists, these took 10**10 comparisons."""
    names = [f"a/{number}" for number in range(100_000)]
    pod = {"metadata": {"finalizers": names}, "spec": {}}
    patch = {
        "metadata": {"$deleteFromPrimitiveList/finalizers": [f"b/{number}" for number in range(100_000)]},
        "spec": {"$retainKeys": names, **dict.fromkeys(names[::-1], 1)},
    }
    assert patch_types.strategic_merge_patch(pod, patch, POD)["metadata"]["finalizers"] == names


def test_many_elements_are_deleted_by_key() -> None:
    deletions = [{"name": f"V{number}", "$patch": "delete"} for number in range(30_000)]
    patch = {"spec": {"containers": [{"name": "c", "env": deletions}]}}
    assert (
        patch_types.strategic_merge_patch(make_pod(30_000), patch, POD)["spec"]["containers"][0]["env"] == []
    )
