"""What refusals show of a strategic merge patch: what upstream has left of it."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch.strategic_remains import remains
from kprov.kube.machinery.schema import object_schema

HELD: JsonObject = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "X"}]}], "securityContext": {}},
}


@pytest.mark.parametrize(
    ("patch", "left"),
    [
        ({"spec": {"restartPolicy": 5}}, {"spec": {"restartPolicy": 5}}),
        # Lists with an order are done with first.
        (
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "c"}],
                    "containers": [{"name": "c", "image": 5}],
                }
            },
            {"spec": {}},
        ),
        # An element that is there is merged, and its own lists are.
        (
            {"spec": {"containers": [{"name": "c", "$setElementOrder/env": [{"name": "X"}], "image": 5}]}},
            {"spec": {"containers": [{"name": "c", "image": 5}]}},
        ),
        (
            {"spec": {"containers": [{"name": "d", "$setElementOrder/env": []}]}},
            {"spec": {"containers": [{"name": "d", "$setElementOrder/env": []}]}},
        ),
        # What was not there is taken without its nulls.
        (
            {"metadata": {"annotations": {"a": None, "b": 5}, "labels": {"a": None, "c": 5}}},
            {"metadata": {"annotations": {"b": 5}, "labels": {"a": None, "c": 5}}},
        ),
        (
            {"spec": {"securityContext": {"$retainKeys": ["x"], "x": 5}}},
            {"spec": {"securityContext": {"x": 5}}},
        ),
    ],
)
def test_is_left(patch: JsonObject, left: JsonObject) -> None:
    assert remains(HELD, patch, object_schema.builtin().node(("", "v1", "Pod"))) == left
