"""spec.podFailurePolicy of jobs.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.machinery import field, names, status
from kprov.kube.machinery.json_object import JsonObject

_ACTIONS: Final = ["Count", "FailIndex", "FailJob", "Ignore"]


def _format_words(words: list[str]) -> str:
    return "[" + " ".join(status.quoted(word) for word in words) + "]"


def validate_pod_failure_policy(spec: JsonObject, path: str) -> Errors:
    rules = spec["podFailurePolicy"].get("rules") or ()
    pods = spec["template"]["spec"]
    known = {
        item.get("name", "") for kind in ("containers", "initContainers") for item in pods.get(kind) or ()
    }
    if len(rules) > 20:
        yield field.too_many(path, len(rules), 20)
    for where, rule in enumerate_items(rules, path):
        action, codes = rule.get("action", ""), rule.get("onExitCodes")
        conditions = rule.get("onPodConditions") or ()
        yield from _validate_action(action, spec, f"{where}.action")
        if codes is not None:
            yield from _validate_exit_codes(codes, known, f"{where}.onExitCodes")
        yield from _validate_pod_conditions(conditions, f"{where}.onPodConditions")
        if codes is not None and conditions:
            text = "specifying both OnExitCodes and OnPodConditions is not supported"
            yield field.invalid(where, field.OMITTED, text)
        if codes is None and not conditions:
            text = "specifying one of OnExitCodes and OnPodConditions is required"
            yield field.invalid(where, field.OMITTED, text)


def _validate_action(action: str, spec: JsonObject, path: str) -> Errors:
    if not action:
        yield field.required(path, f"valid values: {_format_words(_ACTIONS)}")
    elif action == "FailIndex":
        if spec.get("backoffLimitPerIndex") is None:
            yield field.invalid(path, action, "requires the backoffLimitPerIndex to be set")
    else:
        yield from checks.check_enum(action, path, _ACTIONS)


def _validate_pod_conditions(conditions: Sequence[JsonObject], path: str) -> Errors:
    if len(conditions) > 20:
        yield field.too_many(path, len(conditions), 20)
    for where, condition in enumerate_items(conditions, path):
        yield from checks.check_value(condition.get("type", ""), f"{where}.type", names.is_qualified_name)
        yield from checks.check_enum(condition.get("status"), f"{where}.status", ["False", "True", "Unknown"])


def _validate_exit_codes(codes: JsonObject, known: set[str], path: str) -> Errors:
    operator, values = codes.get("operator", ""), codes.get("values") or []
    if not operator:
        yield field.required(f"{path}.operator", f"valid values: {_format_words(['In', 'NotIn'])}")
    else:
        yield from checks.check_enum(operator, f"{path}.operator", ["In", "NotIn"])
    name = codes.get("containerName")
    if name is not None and name not in known:
        text = "must be one of the container or initContainer names in the pod template"
        yield field.invalid(f"{path}.containerName", name, text)
    if not values:
        yield field.invalid(f"{path}.values", codes.get("values"), "at least one value is required")
    elif len(values) > 255:
        yield field.too_many(f"{path}.values", len(values), 255)
    repeats = checks.find_repeats(values)
    for index, (where, value) in enumerate(enumerate_items(values, f"{path}.values")):
        if operator == "In" and value == 0:
            yield field.invalid(where, value, "must not be 0 for the In operator")
        if index in repeats:
            yield field.duplicate(where, value)
    if values != sorted(values):
        yield field.invalid(f"{path}.values", values, "must be ordered")
