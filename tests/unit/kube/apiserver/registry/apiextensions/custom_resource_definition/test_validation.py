"""What definitions may say, and what a stored one may keep although it breaks a rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import validation

OBJECT = {"type": "object"}
ROOT = "spec.validation.openAPIV3Schema"


def build(
    schema: dict[str, Any] | None = None, *, group: str = "example.com", **version: Any
) -> dict[str, Any]:
    """Build a definition with one version, as it is after defaults."""
    named = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema or OBJECT}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    return {
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "conversion": {"strategy": "None"},
            "versions": [named | version],
        },
        "status": {"storedVersions": ["v1"]},
    }


def find(obj: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error.field, error.reason.removeprefix("FieldValue")) for error in validation.validate(obj)]


def test_a_small_definition_is_valid() -> None:
    assert find(build()) == []


@pytest.mark.parametrize(
    ("schema", "errors"),
    [
        ({"type": "object", "nullable": True}, [(f"{ROOT}.nullable", "Forbidden")]),
        ({"properties": {}}, [(f"{ROOT}.type", "Required")]),
        ({"type": "array", "items": OBJECT}, [(f"{ROOT}.type", "Invalid")]),
        ({"type": "object", "$ref": "#/definitions/x"}, [(f"{ROOT}.$ref", "Forbidden")]),
    ],
)
def test_the_root_of_a_schema(schema: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert find(build(schema)) == errors


def test_a_status_subresource_limits_what_the_root_may_have() -> None:
    schema = OBJECT | {"maxProperties": 3}
    assert find(build(schema)) == []
    assert find(build(schema, subresources={"status": {}})) == [(ROOT, "Invalid")]


def test_a_version_without_schema_is_refused() -> None:
    obj = build()
    del obj["spec"]["versions"][0]["schema"]
    assert find(obj) == [("spec.versions[0].schema.openAPIV3Schema", "Required")]


def test_errors_of_versions_that_differ_name_the_version() -> None:
    obj = build()
    other = {"name": "v2", "served": True, "storage": False, "schema": {"openAPIV3Schema": {"type": "null"}}}
    obj["spec"]["versions"].append(other)
    root = "spec.versions[1].schema.openAPIV3Schema"
    assert set(find(obj)) == {
        (f"{root}.type", "Invalid"),
        (f"{root}.type", "NotSupported"),
        (f"{root}.type", "Forbidden"),
    }


@pytest.mark.parametrize(
    ("annotation", "errors"),
    [
        (None, ["Required"]),
        ("soon", ["Invalid"]),
        ("unapproved, an experiment", []),
        ("https://github.com/kubernetes/kubernetes/pull/1", []),
    ],
)
def test_groups_of_kubernetes_need_an_approval(annotation: str | None, errors: list[str]) -> None:
    obj = build(group="widgets.k8s.io")
    if annotation is not None:
        obj["metadata"]["annotations"] = {validation.APPROVED: annotation}
    path = f"metadata.annotations[{validation.APPROVED}]"
    assert find(obj) == [(path, reason) for reason in errors]


def test_conversion_by_webhook_needs_a_client_and_a_known_review() -> None:
    obj = build()
    obj["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v7"]}}
    path = "spec.conversion"
    assert find(obj) == [
        (f"{path}.webhookClientConfig", "Required"),
        (f"{path}.conversionReviewVersions", "Invalid"),
    ]


def test_unknown_fields_cannot_be_preserved_everywhere() -> None:
    obj = build()
    obj["spec"]["preserveUnknownFields"] = True
    assert find(obj) == [("spec.preserveUnknownFields", "Invalid")]
    assert validation.validate_update(obj, copy.deepcopy(obj)) == []


def test_a_stored_version_stays_in_the_definition() -> None:
    obj = build()
    obj["status"]["storedVersions"] = ["v1alpha1", "v1"]
    assert find(obj) == [("status.storedVersions[0]", "Invalid")]


def test_scope_and_kind_are_fixed_once_the_kind_is_established() -> None:
    old = build()
    new = copy.deepcopy(old)
    new["spec"]["scope"] = "Cluster"
    assert validation.validate_update(new, old) == []
    old["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    assert [error.field for error in validation.validate_update(new, old)] == ["spec.scope"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": {"type": "file"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "array", "x-kubernetes-list-type": "set", "items": OBJECT}},
        },
    ],
)
def test_an_update_does_not_break_on_what_was_stored_before_a_rule(schema: dict[str, Any]) -> None:
    old = build(schema)
    assert find(old)
    new = copy.deepcopy(old)
    new["spec"]["names"]["shortNames"] = ["wd"]
    if schema["properties"]["a"]:
        assert validation.validate_update(new, old) == []
    assert validation.validate_update(new, build()), "a new fault is refused"


def test_only_a_definition_that_preserves_unknown_fields_may_stay_without_structure() -> None:
    old = build({"type": "object", "properties": {"a": {}}})
    assert [error.reason for error in validation.validate_update(old, old)] == ["FieldValueRequired"]
    old["spec"]["preserveUnknownFields"] = True
    assert validation.validate_update(old, old) == []


def test_a_deep_schema_costs_little_and_its_errors_are_bounded() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {f"p{number}": {} for number in range(2000)}}
    for _ in range(2000):
        schema = {"type": "object", "properties": {"inner": schema}}
    errors = validation.validate(build(schema))
    assert len(errors) == 100
    assert errors[0].detail == "Required value: must not be empty for specified object fields"
