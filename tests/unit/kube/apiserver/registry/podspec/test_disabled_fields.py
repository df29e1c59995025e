"""Fields of features that are off unless a gate says otherwise: left out, unless they are there already."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import list_resources

SPEC: JsonObject = {
    "restartPolicy": "Never",
    "schedulingGroup": {"podGroupName": "g"},
    "containers": [
        {"name": "a", "image": "i", "lifecycle": {"stopSignal": "SIGTERM"}},
        {
            "name": "b",
            "image": "i",
            "lifecycle": {"stopSignal": "SIGTERM", "preStop": {"sleep": {"seconds": 1}}},
        },
    ],
    "volumes": [{"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"path": "p"}}]}}],
}
HOLDERS: dict[str, tuple[str, ...]] = {
    "pods": ("spec",),
    "podtemplates": ("template", "spec"),
    "replicationcontrollers": ("spec", "template", "spec"),
    "deployments.apps": ("spec", "template", "spec"),
    "daemonsets.apps": ("spec", "template", "spec"),
    "statefulsets.apps": ("spec", "template", "spec"),
    "jobs.batch": ("spec", "template", "spec"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template", "spec"),
}


def holder(path: tuple[str, ...]) -> JsonObject:
    """An object with the spec at that path."""
    held: Any = copy.deepcopy(SPEC)
    for name in reversed(path):
        held = {name: held}
    return {"metadata": {"name": "x", "namespace": "n", "uid": "u"}, **held}


def spec_of(obj: JsonObject, path: tuple[str, ...]) -> JsonObject:
    found = obj
    for name in path:
        found = found[name]
    return found


@pytest.mark.parametrize("kind", HOLDERS)
def test_they_are_left_out_of_what_is_new_and_stay_where_they_were(kind: str) -> None:
    resource = next(one for one in list_resources() if one.group_resource == kind)
    path, rules = HOLDERS[kind], find_strategy(resource)
    made, changed, old, again = (holder(path) for _ in range(4))
    for obj in (made, changed, old, again):
        rules.default(obj)
    rules.prepare_for_create(make_system_context("create", resource), made)
    spec = spec_of(made, path)
    assert "schedulingGroup" not in spec
    assert "lifecycle" not in spec["containers"][0]
    assert spec["containers"][1]["lifecycle"] == {"preStop": {"sleep": {"seconds": 1}}}
    assert spec["volumes"][0]["projected"]["sources"] == [{}]
    rules.prepare_for_update(make_system_context("update", resource), changed, copy.deepcopy(made))
    assert spec_of(changed, path)["containers"] == spec["containers"]
    kept = copy.deepcopy(spec_of(again, path))
    rules.prepare_for_update(make_system_context("update", resource), again, old)
    assert spec_of(again, path) == kept
