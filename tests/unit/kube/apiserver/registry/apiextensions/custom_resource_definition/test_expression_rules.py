"""Expressions of rules, at the creation of a definition."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import expression_rules
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import SchemaPath
from kprov.kube.machinery.schema.custom.structural import compile_schema

_PATH = "s.properties[spec].x-kubernetes-validations[0]"


def find(schema: dict[str, Any], *known: str) -> list[tuple[str, str]]:
    root = compile_schema({"type": "object", "properties": {"spec": schema}})
    errors = expression_rules.find_errors(root, SchemaPath("s"), frozenset(known))
    return [(error.field, error.detail) for error in errors]


def with_rule(rule: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {"size": {"type": "integer"}}
    return {"type": "object", "properties": properties, "x-kubernetes-validations": [rule], **more}


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "self.size < 3"},
        {"rule": "self == oldSelf"},
        {"rule": "oldSelf.hasValue() ? self.size >= oldSelf.value().size : true", "optionalOldSelf": True},
        {"rule": "has(self.size)", "messageExpression": "'it is ' + string(self.size)", "fieldPath": ".size"},
        {"rule": "quantity('1Gi').isLessThan(quantity('2Gi')) && self.size.format == ''"},
    ],
)
def test_a_valid_rule(rule: dict[str, Any]) -> None:
    assert find(with_rule(rule)) == []


@pytest.mark.parametrize(
    ("rule", "field", "text"),
    [
        ({"rule": "self.size <"}, "rule", "compilation failed: "),
        ({"rule": "nobody.size < 3"}, "rule", "undeclared reference to 'nobody.size'"),
        ({"rule": "sizeof(self) < 3"}, "rule", "undeclared reference to 'sizeof'"),
        ({"rule": "'text'"}, "rule", "must evaluate to a bool"),
        ({"rule": "true", "messageExpression": "'a' +"}, "messageExpression", "compilation failed: "),
        ({"rule": "true", "messageExpression": "3"}, "messageExpression", "must evaluate to a string"),
        ({"rule": "true", "fieldPath": ".none"}, "fieldPath", "must be a valid path"),
        (
            {"rule": "true", "optionalOldSelf": True},
            "optionalOldSelf",
            "may not be set if oldSelf is not used",
        ),
    ],
)
def test_a_wrong_rule(rule: dict[str, Any], field: str, text: str) -> None:
    ((path, detail),) = find(with_rule(rule))
    assert path == f"{_PATH}.{field}"
    assert text in detail


def test_rules_of_a_stored_definition_are_not_compiled_again() -> None:
    assert find(with_rule({"rule": "nobody"}), "nobody") == []


@pytest.mark.parametrize("list_type", ["atomic", "set", "map"])
def test_old_values_exist_in_lists_with_keys_only(list_type: str) -> None:
    item = with_rule({"rule": "self == oldSelf"})
    found = find({"type": "array", "x-kubernetes-list-type": list_type, "items": item})
    if list_type == "map":
        assert found == []
    else:
        ((path, detail),) = found
        assert path == "s.properties[spec].items.x-kubernetes-validations[0].rule"
        assert detail.endswith("uncorrelatable portion of the schema within s.properties[spec]")


def test_old_values_of_atomic_objects_are_not_found() -> None:
    inner = with_rule({"rule": "self == oldSelf"})
    schema = {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": inner}}
    assert len(find(schema)) == 1
