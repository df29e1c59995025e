"""Rules in CEL of a definition's schema."""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.registry.apiextensions.custom_resource.rules import RuleSet
from kprov.kube.machinery import field
from kprov.kube.machinery.schema.custom.structural import compile_schema

_NUMBER = {"type": "number"}
_INTEGER = {"type": "integer"}


def check(spec_schema: dict[str, Any], spec: Any, old: Any = None, **rule: Any) -> list[str]:
    spec_schema = {**spec_schema, **({"x-kubernetes-validations": [rule]} if rule else {})}
    rules = RuleSet(compile_schema({"type": "object", "properties": {"spec": spec_schema}}))
    stored = None if old is None else {"spec": old}
    return [f"{error.field}: {error.detail}" for error in rules.check({"spec": spec}, stored, [])]


def make_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


_RANGE = make_object(low=_INTEGER, high=_INTEGER)


def test_a_rule_that_holds_is_silent() -> None:
    assert check(_RANGE, {"low": 1, "high": 2}, rule="self.low <= self.high") == []


def test_a_broken_rule_is_shown_unless_it_has_a_message() -> None:
    spec = {"low": 2, "high": 1}
    assert check(_RANGE, spec, rule="self.low <= self.high") == [
        "spec: Invalid value: failed rule: self.low <= self.high"
    ]
    assert check(_RANGE, spec, rule="self.low <= self.high", message=" too low ") == [
        "spec: Invalid value: too low"
    ]
    expression = "'low is ' + string(self.low)"
    assert check(_RANGE, spec, rule="self.low <= self.high", messageExpression=expression) == [
        "spec: Invalid value: low is 2"
    ]


def test_reason_and_field_path_say_what_is_wrong_where() -> None:
    rule = {
        "rule": "has(self.high)",
        "reason": "FieldValueRequired",
        "fieldPath": ".high",
        "message": "set it",
    }
    assert check(_RANGE, {"low": 2}, **rule) == ["spec.high: Required value: set it"]


def test_a_missing_field_is_an_error_of_the_rule() -> None:
    assert check(_RANGE, {"low": 2}, rule="self.low <= self.high") == [
        'spec: Invalid value: "object": no such key: high evaluating rule: self.low <= self.high'
    ]


def test_a_transition_rule_is_for_updates_only() -> None:
    assert check(_INTEGER, 1, rule="self >= oldSelf") == []
    assert check(_INTEGER, 1, 2, rule="self >= oldSelf") == [
        "spec: Invalid value: 1: failed rule: self >= oldSelf"
    ]


def test_an_optional_old_value_makes_the_rule_one_for_new_objects_too() -> None:
    rule = {"rule": "oldSelf.hasValue() ? self >= oldSelf.value() : self == 0", "optionalOldSelf": True}
    assert check(_INTEGER, 0, **rule) == []
    assert len(check(_INTEGER, 1, **rule)) == 1
    assert check(_INTEGER, 3, 2, **rule) == []
    assert len(check(_INTEGER, 1, 2, **rule)) == 1


def test_an_unchanged_value_stays_accepted() -> None:
    schema = make_object(a={**_INTEGER, "x-kubernetes-validations": [{"rule": "self > 5"}]}, b=_INTEGER)
    assert check(schema, {"a": 1, "b": 2}, {"a": 1, "b": 1}) == []
    assert len(check(schema, {"a": 2, "b": 2}, {"a": 1, "b": 1})) == 1


def test_items_of_a_map_are_compared_by_key() -> None:
    item = make_object(name={"type": "string"}, size=_INTEGER)
    item["x-kubernetes-validations"] = [{"rule": "self.size >= oldSelf.size"}]
    schema = {
        "type": "array",
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    old = [{"name": "a", "size": 1}, {"name": "b", "size": 5}]
    new = [{"name": "b", "size": 4}, {"name": "a", "size": 2}]
    assert check(schema, new, old) == ["spec[0]: Invalid value: failed rule: self.size >= oldSelf.size"]


def test_values_have_the_types_of_the_schema_and_escaped_names() -> None:
    schema = make_object(**{"my-number": _NUMBER, "namespace": {"type": "string"}})
    rule = "self.my__dash__number / 2.0 == 0.5 && self.__namespace__ == 'a'"
    assert check(schema, {"my-number": 1, "namespace": "a"}, rule=rule) == []


def test_rules_wait_until_types_and_sizes_are_right() -> None:
    rules = RuleSet(compile_schema({"type": "object", "x-kubernetes-validations": [{"rule": "false"}]}))
    errors = rules.check({}, None, [field.required("spec")])
    assert [error.field for error in errors] == ["<nil>"]
    assert "some validation rules were not checked" in errors[0].detail


def test_a_rule_for_each_item_of_a_long_list_ends() -> None:
    schema = {"type": "array", "items": {**_INTEGER, "x-kubernetes-validations": [{"rule": "self >= 0"}]}}
    errors = check(schema, list(range(30_000)))
    assert len(errors) == 1
    assert "running out of cost budget" in errors[0]


def test_the_root_sees_the_name_of_the_object_only() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "x-kubernetes-validations": [{"rule": "self.metadata.name == 'a' && !has(self.metadata.labels)"}],
        }
    )
    obj = {"apiVersion": "e/v1", "kind": "K", "metadata": {"name": "a", "labels": {"b": "c"}}}
    assert RuleSet(schema).check(obj, None, []) == []


def test_formats_give_times_durations_and_bytes() -> None:
    schema = make_object(
        at={"type": "string", "format": "date-time"},
        day={"type": "string", "format": "date"},
        span={"type": "string", "format": "duration"},
        data={"type": "string", "format": "byte"},
    )
    spec = {"at": "2026-01-02T03:04:05.5Z", "day": "2026-01-02", "span": "1h30m", "data": "YWI="}
    for rule in (
        "self.at > timestamp('2026-01-02T03:04:05Z') && self.at.getFullYear() == 2026",
        "self.day < self.at",
        "self.span == duration('90m') && self.at + self.span > self.at",
        "self.data == b'ab'",
    ):
        assert check(schema, spec, rule=rule) == [], rule
