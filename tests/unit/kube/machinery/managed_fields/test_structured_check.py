"""What is said of documents that cannot be applied, with paths that name list items by their keys."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.managed_fields import field_ownership, structured_check
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.status import StatusError

GVK = ("apps", "v1", "Deployment")
START = "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): "


def deployment(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {"template": {"spec": {"containers": list(containers)}}},
        **more,
    }


FIRST = '.spec.template.spec.containers[name="c"]'
UNKNOWN = "field not declared in schema"
PORT = {"containerPort": 80}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            deployment({"name": "c"}, {"name": "c"}),
            '.spec.template.spec.containers: duplicate entries for key [name="c"]',
        ),
        (
            deployment({"name": "c", "ports": [PORT, {**PORT, "protocol": "TCP"}]}),
            f'{FIRST}.ports: duplicate entries for key [containerPort=80,protocol="TCP"]',
        ),
        (
            deployment({"name": "c", "imagee": "x"}),
            f"{FIRST}.imagee: {UNKNOWN}",
        ),
        (
            deployment({"name": "c", "command": "a"}),
            f"{FIRST}.command: expected list, got &{{a}}",
        ),
        (
            deployment({"name": "c", "image": {"a": [1, None]}}),
            f"{FIRST}.image: expected string, got &{{map[a:[1 <nil>]]}}",
        ),
        (
            deployment({"name": "c", "stdin": 1, "terminationMessagePath": None}),
            f"{FIRST}.stdin: expected boolean, got &{{1}}",
        ),
        (
            deployment({"name": "c", "ports": [{"containerPort": "80"}]}),
            (
                f'{FIRST}.ports[containerPort="80",protocol="TCP"].containerPort: '
                "expected numeric (int or float), got string"
            ),
        ),
        (
            deployment({"name": "c", "resources": {"limits": {"cpu": []}}}),
            f"{FIRST}.resources.limits.cpu: expected any scalar, got &{{[]}}",
        ),
        (
            deployment({"name": "c", "command": ["a"], "x": 1}, foo=1),
            f"errors:\n  {FIRST}.x: {UNKNOWN}\n  .foo: {UNKNOWN}",
        ),
        (
            deployment({"name": "c", "x": 1, "y": 2, "command": "a"}),
            f"{FIRST}.x: {UNKNOWN}",
        ),
    ],
)
def test_structured_errors_name_the_path(document: dict[str, Any], words: str) -> None:
    refusal = structured_check.find_error(object_schema.builtin().node(GVK), document, GVK)
    assert refusal is not None
    assert (refusal.code, refusal.message) == (400, START + words)


def test_apply_returns_the_structured_errors() -> None:
    with pytest.raises(StatusError, match="duplicate entries for key"):
        field_ownership.apply(None, deployment({"name": "c"}, {"name": "c"}), GVK, manager="m")


def test_an_item_without_its_key_has_the_zero_that_its_type_writes() -> None:
    document = deployment({"name": "c"}, {"image": "i"})
    assert structured_check.find_error(object_schema.builtin().node(GVK), document, GVK) is None


def test_the_error_for_an_item_without_keys_has_its_index() -> None:
    document = {"metadata": {"name": "n", "ownerReferences": ["x"]}}
    refusal = structured_check.find_error(object_schema.builtin().node(GVK), document, GVK)
    assert refusal is not None
    assert refusal.message.endswith(
        ".metadata.ownerReferences: element 0: associative list with keys may not have non-map elements"
    )


def test_an_apply_without_changes_has_no_time() -> None:
    document = deployment({"name": "c", "image": "i"})
    live = field_ownership.apply(None, document, GVK, manager="m", now="2026-01-01T00:00:00Z")
    again = field_ownership.apply(live, document, GVK, manager="n", now="2026-01-02T00:00:00Z")
    assert [(each["manager"], each.get("time")) for each in again["metadata"]["managedFields"]] == [
        ("n", None),
        ("m", "2026-01-01T00:00:00Z"),
    ]


@pytest.mark.parametrize("metadata", ["text", [], 5, None, True])
def test_structured_errors_accept_invalid_metadata(metadata: Any) -> None:
    refusal = structured_check.find_error(
        object_schema.builtin().node(GVK), {**deployment(), "metadata": metadata, "other": 1}, GVK
    )
    assert refusal is not None
    said = "failed to create typed patch object (/; apps/v1, Kind=Deployment): "
    assert refusal.message.startswith(said)
    assert refusal.message.endswith(f".other: {UNKNOWN}")
