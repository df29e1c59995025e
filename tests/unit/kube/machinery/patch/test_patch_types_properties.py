"""What holds for every patch: RFC 6902, RFC 7386 and strategic merge over lists with keys."""

from __future__ import annotations

from typing import Any

import jsonpatch
import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.status import StatusError

POD = ("", "v1", "Pod")

quick = settings(deadline=None, max_examples=60)
names = st.text("abc/~", min_size=1, max_size=3)
scalars = st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
#: Without nulls: a merge patch cannot set them.
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=4)


def merge_diff(before: JsonObject, after: JsonObject) -> JsonObject:
    """The merge patch from one document to the other, as RFC 7386 makes possible."""
    changes: JsonObject = {name: None for name in before if name not in after}
    for name, value in after.items():
        held = before.get(name)
        if isinstance(held, dict) and isinstance(value, dict):
            inner = merge_diff(held, value)
            if inner:
                changes[name] = inner
        elif name not in before or not same(held, value):
            changes[name] = value
    return changes


def same(left: Any, right: Any) -> bool:
    """As JSON: true is not 1."""
    return orjson.dumps(left, option=orjson.OPT_SORT_KEYS) == orjson.dumps(right, option=orjson.OPT_SORT_KEYS)


def pointer(*steps: str) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


@quick
@given(objects, objects)
def test_the_difference_as_a_json_patch_leads_to_the_other_document(
    before: JsonObject, after: JsonObject
) -> None:
    held = orjson.dumps(before)
    changes = jsonpatch.make_patch(before, after).patch
    assert patch_types.json_patch(before, changes) == after
    assert orjson.dumps(before) == held


@quick
@given(objects, names, values)
def test_what_a_json_patch_adds_is_there_and_what_it_removes_is_gone(
    doc: JsonObject, name: str, value: Any
) -> None:
    assume(name not in doc)
    place = pointer(name)
    added = patch_types.json_patch(doc, [{"op": "add", "path": place, "value": value}])
    assert added == {**doc, name: value}
    assert patch_types.json_patch(added, [{"op": "test", "path": place, "value": value}]) == added
    assert patch_types.json_patch(added, [{"op": "remove", "path": place}]) == doc
    moved = patch_types.json_patch(added, [{"op": "move", "from": place, "path": "/elsewhere"}])
    assert moved == {**doc, "elsewhere": value}


@quick
@given(values, values)
def test_a_test_operation_holds_for_the_same_value_only(held: Any, expected: Any) -> None:
    operation = [{"op": "test", "path": "/a", "value": expected}]
    if same(held, expected):
        assert patch_types.json_patch({"a": held}, operation) == {"a": held}
    else:
        with pytest.raises(StatusError) as caught:
            patch_types.json_patch({"a": held}, operation)
        assert caught.value.code == 422


@quick
@given(objects, objects)
def test_the_difference_as_a_merge_patch_leads_to_the_other_document(
    before: JsonObject, after: JsonObject
) -> None:
    assert same(patch_types.merge_patch(before, merge_diff(before, after)), after)


def clears(first: JsonObject, second: JsonObject) -> bool:
    """Whether the second patch has an object where the first has put something else."""
    return any(
        clears(first[name], value) if isinstance(first[name], dict) else True
        for name, value in second.items()
        if isinstance(value, dict) and name in first
    )


@quick
@given(objects, objects, objects)
def test_merge_patches_one_after_the_other_are_their_merge(
    doc: JsonObject, first: JsonObject, second: JsonObject
) -> None:
    """Without removals, as these are, patching is associative (nor objects put where others were)."""
    assume(not clears(first, second))
    one_by_one = patch_types.merge_patch(patch_types.merge_patch(doc, first), second)
    assert one_by_one == patch_types.merge_patch(doc, patch_types.merge_patch(first, second))


ports = st.lists(
    st.fixed_dictionaries({"containerPort": st.integers(1, 4)}, optional={"name": st.text("xy", min_size=1)}),
    unique_by=lambda port: port["containerPort"],
    max_size=3,
)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcd")},
        optional={"image": st.text("xy"), "ports": ports, "command": st.lists(st.text("xy"), max_size=2)},
    ),
    unique_by=lambda each: each["name"],
    max_size=4,
)
specs = st.fixed_dictionaries(
    {"containers": containers},
    optional={
        "hostNetwork": st.booleans(),
        "nodeSelector": st.dictionaries(st.sampled_from("ab"), st.text("xy")),
        "tolerations": st.lists(st.fixed_dictionaries({"key": st.text("k")}), max_size=2),
    },
)
KEYS = {"containers": "name", "ports": "containerPort"}


def strategic_diff(before: JsonObject, after: JsonObject) -> JsonObject:
    """A two-way strategic merge patch as clients make it: items by key, their order beside them."""
    changes: JsonObject = {name: None for name in before if name not in after}
    for name, value in after.items():
        held = before.get(name)
        if name in KEYS and isinstance(held, list):
            changes[name] = _list_diff(held, value, KEYS[name])
            changes[f"$setElementOrder/{name}"] = [{KEYS[name]: each[KEYS[name]]} for each in value]
        elif isinstance(held, dict) and isinstance(value, dict):
            changes[name] = strategic_diff(held, value)
        elif not same(held, value):
            changes[name] = value
    return changes


def _list_diff(before: list[JsonObject], after: list[JsonObject], key: str) -> list[JsonObject]:
    held = {each[key]: each for each in before}
    kept = {each[key] for each in after}
    changed = [{**strategic_diff(held.get(each[key], {}), each), key: each[key]} for each in after]
    return changed + [{"$patch": "delete", key: gone} for gone in held if gone not in kept]


@quick
@given(specs, specs)
def test_the_difference_as_a_strategic_patch_leads_to_the_other_document(
    before: JsonObject, after: JsonObject
) -> None:
    changes = {"spec": strategic_diff(before, after)}
    assert same(patch_types.strategic_merge_patch({"spec": before}, changes, POD), {"spec": after})


@quick
@given(specs, specs)
def test_a_strategic_patch_applied_twice_is_applied_once(doc: JsonObject, changes: JsonObject) -> None:
    once = patch_types.strategic_merge_patch({"spec": doc}, {"spec": changes}, POD)
    assert patch_types.strategic_merge_patch(once, {"spec": changes}, POD) == once


@quick
@given(specs, specs)
def test_replace_leaves_nothing_of_what_was_there(before: JsonObject, after: JsonObject) -> None:
    changes = {"spec": {**after, "$patch": "replace"}}
    assert patch_types.strategic_merge_patch({"spec": before}, changes, POD) == {"spec": after}
