from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.status import StatusError

POD = ("", "v1", "Pod")


def pod(*containers: JsonObject, **spec: Any) -> JsonObject:
    return {"metadata": {"name": "a"}, "spec": {"containers": list(containers), **spec}}


def strategic(doc: JsonObject, change: Any) -> JsonObject:
    merged: JsonObject = patch_types.strategic_merge_patch(doc, {"spec": change}, POD)["spec"]
    return merged


def test_json_patch_applies_operations_to_a_copy() -> None:
    doc = {"a": [1]}
    assert patch_types.json_patch(doc, [{"op": "add", "path": "/a/-", "value": 2}]) == {"a": [1, 2]}
    assert doc == {"a": [1]}


@pytest.mark.parametrize(
    "operation", [{"op": "remove", "path": "/b"}, {"op": "test", "path": "/a", "value": 2}]
)
def test_a_json_patch_that_does_not_fit_is_422(operation: JsonObject) -> None:
    with pytest.raises(StatusError) as caught:
        patch_types.json_patch({"a": 1}, [operation])
    assert caught.value.code == 422


@pytest.mark.parametrize("odd", [{}, {"a": 1}, [], [[]], None, True, 5, "x"])
@pytest.mark.parametrize(
    "change",
    [
        lambda odd: {"spec": {"containers": [{"name": odd}, {"name": odd}]}},
        lambda odd: {"spec": {"containers": [{"name": "c", "ports": [{"containerPort": odd}]}]}},
        lambda odd: {"spec": {"containers": [{"name": odd, "$patch": "delete"}]}},
        lambda odd: {"spec": {"containers": [{"name": odd}], "$setElementOrder/containers": [{"name": odd}]}},
        lambda odd: {"metadata": {"$setElementOrder/finalizers": [odd]}},
        lambda odd: {"metadata": {"$setElementOrder/finalizers": [odd], "finalizers": [odd, odd]}},
        lambda odd: {"metadata": {"$deleteFromPrimitiveList/finalizers": [odd]}},
        lambda odd: {
            "metadata": {"$deleteFromPrimitiveList/finalizers": odd, "$setElementOrder/finalizers": []}
        },
        lambda odd: {"spec": {"$retainKeys": [odd]}},
    ],
)
def test_keys_and_elements_of_any_type_are_merged_or_refused(change: Any, odd: Any) -> None:
    doc = pod({"name": "c", "image": "i", "ports": [{"containerPort": 80}]})
    doc["metadata"]["finalizers"] = ["a", "b"]
    with suppress(StatusError):
        assert patch_types.strategic_merge_patch(doc, change(odd), POD)


def test_a_deep_strategic_patch_takes_as_long_as_it_is() -> None:
    deep: JsonObject = {}
    for _ in range(100):
        deep = {"a": deep}
    assert patch_types.strategic_merge_patch({}, {"x": deep}, POD) == {"x": deep}


def test_a_json_patch_has_the_liberties_of_upstreams_library() -> None:
    doc = {"a": [1, 2, 3]}
    last = [{"op": "add", "path": "/a/-1", "value": 4}, {"op": "replace", "path": "/a/00", "value": 0}]
    assert patch_types.json_patch(doc, last) == {"a": [0, 2, 3, 4]}
    assert patch_types.json_patch(doc, [{"op": "add", "path": "/b"}]) == {**doc, "b": None}
    assert patch_types.json_patch(doc, [{"op": "add", "path": "/x~2y", "value": 1}]) == {**doc, "x~2y": 1}
    assert patch_types.json_patch(doc, [{"op": "test", "path": "/none", "value": None}]) == doc
    assert patch_types.json_patch(doc, [{"op": "replace", "path": "/b", "value": 1}]) == {**doc, "b": 1}
    assert patch_types.json_patch(doc, [{"op": "copy", "from": "/none", "path": "/b"}]) == {**doc, "b": None}
    for wrong in (
        {"op": "remove", "path": "/none"},
        {"op": "move", "from": "/none", "path": "/b"},
        {"op": "replace", "path": "/none/b", "value": 1},
        {"op": "test", "path": "/a/0", "value": 1.0},
        {"op": "remove", "path": "/a/-4"},
        {"op": "move", "path": "/a/0", "from": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "copy", "path": "/b"},
    ):
        with pytest.raises(StatusError) as caught:
            patch_types.json_patch(doc, [wrong])
        assert caught.value.code == 422


def test_a_json_patch_with_an_unknown_operation_is_refused() -> None:
    with pytest.raises(StatusError) as caught:
        patch_types.json_patch({"a": 1}, [{"op": "frobnicate", "path": "/a"}])
    assert caught.value.code == 422


def test_merge_patch_removes_with_null_and_replaces_lists() -> None:
    doc = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert patch_types.merge_patch(doc, {"a": {"b": None}, "d": [3], "e": {"f": None}}) == {
        "a": {"c": 2},
        "d": [3],
        "e": {},
    }


def test_containers_merge_by_name() -> None:
    doc = pod({"name": "a", "image": "1"}, {"name": "b", "image": "1"})
    changed = strategic(doc, {"containers": [{"name": "b", "image": "2"}, {"name": "c"}]})
    assert {each["name"]: each.get("image") for each in changed["containers"]} == {
        "a": "1",
        "b": "2",
        "c": None,
    }
    assert doc["spec"]["containers"][1]["image"] == "1"


def test_the_order_directive_orders_and_the_delete_directive_deletes() -> None:
    doc = pod({"name": "a"}, {"name": "b"}, {"name": "c"})
    change = {
        "$setElementOrder/containers": [{"name": "d"}, {"name": "c"}],
        "containers": [{"name": "d"}, {"name": "b", "$patch": "delete"}],
    }
    assert [each["name"] for each in strategic(doc, change)["containers"]] in (
        ["a", "d", "c"],
        ["d", "a", "c"],
    )


def test_replace_takes_the_list_as_it_is() -> None:
    doc = pod({"name": "a"}, {"name": "b"})
    changed = strategic(doc, {"containers": [{"name": "z"}, {"$patch": "replace"}]})
    assert changed["containers"] == [{"name": "z"}]


def test_retain_keys_drops_the_others() -> None:
    doc = pod({"name": "c"}, volumes=[{"name": "v", "emptyDir": {}}])
    change = {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}
    assert strategic(doc, change)["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]


def test_values_leave_a_primitive_list_by_directive() -> None:
    doc = {"metadata": {"finalizers": ["a", "b"]}}
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}
    assert sorted(patch_types.strategic_merge_patch(doc, change, POD)["metadata"]["finalizers"]) == ["b", "c"]


def test_atomic_lists_are_replaced() -> None:
    doc = pod({"name": "c", "command": ["a", "b"]})
    assert strategic(doc, {"containers": [{"name": "c", "command": ["z"]}]})["containers"][0]["command"] == [
        "z"
    ]


def test_an_item_without_its_merge_key_is_refused() -> None:
    with pytest.raises(StatusError) as caught:
        strategic(pod({"name": "a"}), {"containers": [{"image": "x"}]})
    assert "does not contain declared merge key: name" in caught.value.message


documents = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text("abc", min_size=1, max_size=2), documents, max_size=4)


@given(objects, objects)
def test_a_merge_patch_applied_twice_is_applied_once(doc: JsonObject, change: Any) -> None:
    once = patch_types.merge_patch(doc, change)
    assert patch_types.merge_patch(once, change) == once


@given(objects, objects)
def test_without_merge_keys_strategic_is_merge(doc: JsonObject, change: Any) -> None:
    gvk = ("example.com", "v1", "Thing")
    assert patch_types.strategic_merge_patch(doc, change, gvk) == patch_types.merge_patch(doc, change)


names = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(names, names)
def test_every_container_of_both_sides_is_there_once(before: list[str], sent: list[str]) -> None:
    doc = pod(*({"name": name} for name in before))
    changed = strategic(doc, {"containers": [{"name": name} for name in sent]})["containers"]
    assert sorted(each["name"] for each in changed) == sorted({*before, *sent})


def test_keys_with_a_dollar_that_are_not_directives_stay_in_the_object() -> None:
    gvk = ("example.com", "v1", "Thing")
    change = {"schema": {"$ref": "#/x", "$retainKeys": ["$ref"]}}
    assert patch_types.strategic_merge_patch({"schema": {}}, change, gvk) == {"schema": {"$ref": "#/x"}}


def test_directives_where_there_is_nothing_to_merge_with_are_fields() -> None:
    gvk = ("example.com", "v1", "Thing")
    change = {
        "schema": {"$retainKeys": ["a"], "$setElementOrder/a": [], "a": None, "b": {"$patch": "replace"}}
    }
    taken = {"schema": {"$retainKeys": ["a"], "$setElementOrder/a": []}}
    assert patch_types.strategic_merge_patch({}, change, gvk) == taken


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"$deleteFromPrimitiveList/finalizers": ["a"]}, ["d"]),
        ({"$deleteFromPrimitiveList/finalizers": "a"}, ["a", "d"]),
        ({"$deleteFromPrimitiveList/finalizers": None}, None),
        ({"$deleteFromPrimitiveList/labels": "x"}, ["a", "d"]),
        ({"$setElementOrder/finalizers": ["d", "a"]}, ["d", "a"]),
        ({"$setElementOrder/finalizers": [], "finalizers": ["g"]}, ["a", "d", "g"]),
        ({"$setElementOrder/finalizers": [], "finalizers": ["g", "j"]}, ["a", "d", "j", "g"]),
        ({"finalizers": ["d", "n"]}, ["a", "d", "n"]),
        ({"finalizers": ["n", "a"]}, ["n", "a", "d"]),
    ],
)
def test_order_and_delete_directives_give_upstreams_result(
    change: JsonObject, left: list[str] | None
) -> None:
    merged = patch_types.strategic_merge_patch(
        {"metadata": {"finalizers": ["a", "d"]}}, {"metadata": change}, POD
    )
    assert merged["metadata"].get("finalizers") == left


def test_an_order_of_ports_that_share_their_number() -> None:
    ports = [{"port": 1}, {"port": 2, "protocol": "TCP"}, {"port": 2, "protocol": "UDP"}, {"port": 4}]
    order = {"$setElementOrder/ports": [{"port": 2}, {"port": 1}, {"port": 2}, {"port": 4}]}
    service = ("", "v1", "Service")
    merged = patch_types.strategic_merge_patch({"spec": {"ports": ports}}, {"spec": order}, service)
    assert [port["port"] for port in merged["spec"]["ports"]] == [2, 2, 1, 4]


def test_an_atomic_list_with_an_order_is_replaced() -> None:
    change = {"spec": {"$setElementOrder/externalIPs": ["6", "4"], "externalIPs": ["6"]}}
    service = ("", "v1", "Service")
    merged = patch_types.strategic_merge_patch({"spec": {"externalIPs": ["4", "5"]}}, change, service)
    assert merged["spec"]["externalIPs"] == ["6"]


def test_a_strategic_patch_of_many_elements_takes_as_long_as_it_is() -> None:
    change = {"$setElementOrder/finalizers": [], "finalizers": [f"n{index}" for index in range(100_000)]}
    merged = patch_types.strategic_merge_patch({"metadata": {"finalizers": ["a"]}}, {"metadata": change}, POD)
    assert len(merged["metadata"]["finalizers"]) == 100_001
