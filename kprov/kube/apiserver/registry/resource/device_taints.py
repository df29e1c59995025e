"""Taints of devices and tolerations of requests.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_value
from kprov.kube.apiserver.registry.resource.device_names import check_label_key
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_EFFECTS: Final = ["NoExecute", "NoSchedule", "None"]


def validate_taint(value: JsonObject, path: str) -> Errors:
    yield from check_label_key(value.get("key", ""), f"{path}.key")
    if value.get("value"):
        yield from check_value(value["value"], f"{path}.value", names.is_label_value)
    effect = value.get("effect", "")
    if not effect:
        yield field.required(f"{path}.effect")
    elif effect not in _EFFECTS:
        yield field.not_supported(f"{path}.effect", effect, _EFFECTS)


def validate_toleration(value: JsonObject, path: str) -> Errors:
    if value.get("key"):
        yield from check_label_key(value["key"], f"{path}.key")
    operator, compared = value.get("operator", ""), value.get("value", "")
    if operator == "Exists":
        if compared:
            yield field.invalid(f"{path}.value", compared, "must be empty for operator `Exists`")
    elif operator == "Equal":
        yield from check_value(compared, f"{path}.value", names.is_label_value)
    else:
        yield field.not_supported(f"{path}.operator", operator, ["Equal", "Exists"])
    effect = value.get("effect", "")
    if effect and effect not in _EFFECTS:
        yield field.not_supported(f"{path}.effect", effect, _EFFECTS)


def default_tolerations(owner: JsonObject) -> None:
    tolerations: Iterable[JsonObject] = owner.get("tolerations") or ()
    for toleration in tolerations:
        toleration["operator"] = toleration.get("operator") or "Equal"
