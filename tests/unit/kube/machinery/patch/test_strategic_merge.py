"""Lists that a strategic merge patch cannot follow, in upstream's words, and keys of null."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import strategic_merge
from kprov.kube.machinery.schema import object_schema

HELD: JsonObject = {
    "metadata": {},
    "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "X", "value": "1"}]}]},
}


def merged(patch: JsonObject) -> JsonObject:
    node = object_schema.builtin().node(("", "v1", "Pod"))
    return strategic_merge.merge(deepcopy(HELD), patch, node, strategic_merge.Budget())


def env(*values: Any) -> JsonObject:
    return {"spec": {"containers": [{"name": "c", "env": [*values]}]}}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (env(5), "list element types are not identical: [[map[name:X value:1]] [5]]"),
        (env(None), "list element types are not identical: [[map[name:X value:1]] [<nil>]]"),
        (env([]), "list element types are not identical: [[map[name:X value:1]] [[]]]"),
        (env({"value": "2"}), "map: map[value:2] does not contain declared merge key: name"),
        ({"spec": {"tolerations": [[]], "containers": [[]]}}, "list element types are not identical: "),
        ({"spec": {"$setElementOrder/containers": "x"}}, "expected a []interface {}, but received a string"),
        (
            {"spec": {"$setElementOrder/containers": None}},
            "expected a []interface {}, but received a %!s(<nil>)",
        ),
        (
            {"spec": {"$setElementOrder/containers": [], "containers": {}}},
            "expected a []interface {}, but received a map[string]interface {}",
        ),
        (
            {"$setElementOrder/nope": []},
            'unable to find api field in struct Pod for the json field "nope"',
        ),
    ],
)
def test_a_strategic_patch_that_cannot_be_followed_is_rejected(patch: JsonObject, said: str) -> None:
    with pytest.raises(strategic_merge.StrategicMergeError) as refused:
        merged(patch)
    assert str(refused.value).startswith(said)


def test_a_list_element_with_a_null_merge_key_is_added() -> None:
    containers = merged({"spec": {"containers": [{"name": None, "image": "n"}]}})["spec"]["containers"]
    assert [(each["name"], each["image"]) for each in containers] == [(None, "n"), ("c", "i")]


@pytest.mark.parametrize("directive", ["delete", "replace", "other"])
def test_a_replace_directive_for_a_missing_field_does_nothing(directive: str) -> None:
    document = merged({"metadata": {"labels": {"$patch": directive, "a": "b"}}})
    assert "labels" not in document["metadata"]
