"""Conditions of a device that a pod waits for before it is bound.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.resource.device_lists import check_limited_list
from kprov.kube.apiserver.registry.resource.device_names import check_label_key
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_CONDITIONS_MAX: Final = 4


def validate_binding_conditions(owner: JsonObject, path: str) -> Errors:
    """Field rules of bindingConditions and bindingFailureConditions."""
    wanted, failing = owner.get("bindingConditions") or [], owner.get("bindingFailureConditions") or []
    places = f"{path}.bindingConditions", f"{path}.bindingFailureConditions"
    for conditions, where in zip((wanted, failing), places, strict=True):
        yield from check_limited_list(conditions, where, _CONDITIONS_MAX, check_label_key)
    yield from _validate_repeated_conditions(wanted, places[0], ())
    yield from _validate_repeated_conditions(failing, places[1], wanted)
    if failing and not wanted:
        text = "bindingConditions are required to use bindingFailureConditions"
        yield field.invalid(places[0], owner.get("bindingConditions"), text)
    if wanted and not failing:
        text = "bindingFailureConditions are required to use bindingConditions"
        yield field.invalid(places[1], owner.get("bindingFailureConditions"), text)


def _validate_repeated_conditions(conditions: Iterable[str], path: str, others: Sequence[str]) -> Errors:
    seen: set[str] = set()
    for where, condition in enumerate_items(conditions, path):
        if condition in seen:
            yield field.duplicate(where, condition)
        seen.add(condition)
        if condition in others:
            text = "bindingFailureConditions must not overlap with bindingConditions"
            yield field.invalid(where, condition, text)
