from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource.scale import ScalePaths
from kprov.kube.apiserver.subresources.custom_scale import _apply_scale, _require_replicas
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.status import StatusError

_PATHS = ScalePaths(("spec", "replicas"), ("status", "replicas"), ())
_WIDGETS = Resource("example.com", "v1", "Widget", "widgets", "widget", namespaced=True)


def build_widget() -> dict[str, Any]:
    return {"metadata": {"name": "one", "namespace": "n", "uid": "u", "resourceVersion": "7"}}


def build_scale(replicas: int, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "one", "namespace": "n"} | metadata, "spec": {"replicas": replicas}}


def test_a_scale_without_a_version_is_no_precondition() -> None:
    scaled = _apply_scale(build_widget(), build_scale(3), _PATHS, _WIDGETS)
    assert scaled["spec"] == {"replicas": 3}
    assert scaled["metadata"]["resourceVersion"] == "7"


def test_the_version_of_a_scale_is_the_precondition_of_the_update() -> None:
    scaled = _apply_scale(build_widget(), build_scale(3, resourceVersion="6"), _PATHS, _WIDGETS)
    assert scaled["metadata"]["resourceVersion"] == "6"


def test_a_patch_of_an_object_without_replicas_has_to_set_them() -> None:
    _require_replicas(build_scale(0), _PATHS)
    with pytest.raises(StatusError, match=r'"\.spec\.replicas" cannot be empty') as refused:
        _require_replicas({"metadata": {"name": "one"}, "spec": {}}, _PATHS)
    assert refused.value.code == 400
