from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.registry.apiextensions.custom_resource import scale
from kprov.kube.apiserver.registry.apiextensions.custom_resource.scale import ScalePaths

_PATHS = ScalePaths.from_definition(
    {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
)


def test_paths() -> None:
    obj: dict[str, Any] = {}
    scale.put(obj, _PATHS.replicas, 2)
    assert obj == {"spec": {"replicas": 2}}
    assert scale.find(obj, _PATHS.replicas) == 2
    assert scale.find(obj, _PATHS.status_replicas) is None


def test_values_that_a_scale_cannot_show() -> None:
    obj = {"spec": {"replicas": -1}, "status": {"replicas": "3", "selector": {}}}
    assert [error.field for error in _PATHS.validate(obj)] == [
        ".spec.replicas",
        ".status.replicas",
        ".status.selector",
    ]
    assert _PATHS.validate({"spec": {"replicas": 1}}) == []
