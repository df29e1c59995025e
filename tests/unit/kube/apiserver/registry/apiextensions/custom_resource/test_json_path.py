from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource import json_path

_OBJECT = {
    "spec": {"replicas": 3, "hosts": ["a", "b"], "on": True},
    "metadata": {"labels": {"app.kubernetes.io/name": "x"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".spec.replicas", [3]),
        (".spec.missing.further", []),
        (".spec.hosts[1]", ["b"]),
        (".spec.hosts[-1]", ["b"]),
        (".spec.hosts[*]", ["a", "b"]),
        (".metadata.labels['app.kubernetes.io/name']", ["x"]),
        (r".metadata.labels.app\.kubernetes\.io/name", ["x"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type != 'Ready')].status", ["False"]),
    ],
)
def test_find(path: str, values: list[Any]) -> None:
    assert json_path.find(json_path.parse(path), _OBJECT) == values


def test_texts_of_selectable_fields() -> None:
    texts = [
        json_path.find_text(json_path.parse(path), _OBJECT)
        for path in (".spec.replicas", ".spec.on", ".spec.no")
    ]
    assert texts == ["3", "true", ""]


def test_what_is_not_supported() -> None:
    with pytest.raises(json_path.JsonPathError):
        json_path.parse(".spec[?(@.a in b)]")
