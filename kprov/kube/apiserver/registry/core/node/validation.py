"""Field rules of nodes, and of what an update may change.

Source: upstream pkg/apis/core/validation/validation.go (ValidateNode, ValidateNodeUpdate).
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.podspec.resources import check_quantity
from kprov.kube.apiserver.registry.podspec.scheduling import EFFECTS
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_FEATURE: Final = "[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*"
_FEATURE_MAX: Final = 253
_FEATURE_TEXT: Final = (
    "must start with an UpperCamelCase segment, with subsequent segments separated by '/' "
    "(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
)


def validate_node(obj: JsonObject) -> Errors:
    spec, status = obj["spec"], obj.get("status") or {}
    yield from _validate_taints(spec)
    yield from _validate_resources(status)
    yield from _validate_features(status)
    ranges = spec.get("podCIDRs") or []
    wrong = [
        error
        for path, text in enumerate_items(ranges, "spec.podCIDRs")
        for error in addresses.check_cidr(text, path)
    ]
    yield from wrong
    if len(ranges) > 1 and not wrong:
        versions = {ipaddress.ip_network(text, strict=False).version for text in ranges}
        if len(versions) < 2 or len(ranges) > 2:
            text = "may specify no more than one CIDR for each IP family"
            yield field.invalid("spec.podCIDRs", ranges, text)


def validate_node_update(obj: JsonObject, old: JsonObject) -> Errors:
    """Field rules of an update of a node or of its status."""
    spec, before, status = obj["spec"], old["spec"], obj.get("status") or {}
    yield from _validate_resources(status)
    yield from _validate_features(status)
    yield from _validate_addresses(status)
    had, has = before.get("podCIDRs") or [], spec.get("podCIDRs") or []
    changed = (
        1 if len(had) != len(has) else sum(old_cidr != cidr for old_cidr, cidr in zip(had, has, strict=True))
    )
    for _ in range(changed if had else 0):
        text = 'node updates may not change podCIDR except from "" to valid'
        yield field.forbidden("spec.podCIDRs", text)
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        text = 'node updates may not change providerID except from "" to valid'
        yield field.forbidden("spec.providerID", text)
    yield from _validate_taints(spec)
    if (spec.get("externalID") or "") != (before.get("externalID") or ""):
        yield field.forbidden("spec.externalID", "may not be updated")


def _validate_taints(spec: JsonObject) -> Errors:
    seen: set[tuple[str, str]] = set()
    # As upstream: the path starts with metadata.
    for path, taint in enumerate_items(spec.get("taints"), "metadata.taints"):
        key, effect, value = taint.get("key", ""), taint.get("effect", ""), taint.get("value", "")
        yield from checks.check_value(key, f"{path}.key", names.is_qualified_name)
        problems = names.is_label_value(value)
        if problems:
            yield field.invalid(f"{path}.value", value, ";".join(problems))
        yield from checks.check_required_enum(effect, f"{path}.effect", EFFECTS)
        if (key, effect) in seen:
            shown = {"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")}
            double = field.duplicate(path, shown)
            text = f"{double.detail}: taints must be unique by key and effect pair"
            yield FieldError(double.reason, path, text)
        seen.add((key, effect))


def _validate_resources(status: JsonObject) -> Errors:
    for part in ("capacity", "allocatable"):
        for name, amount in (status.get(part) or {}).items():
            yield from check_quantity(name, amount, f"status.{part}.{name}")


def _validate_features(status: JsonObject) -> Errors:
    features = status.get("declaredFeatures") or []
    for index, (path, name) in enumerate(enumerate_items(features, "status.declaredFeatures")):
        before = features[index - 1] if index else ""
        if index and name == before:
            yield field.duplicate(path, name)
        elif name < before:
            yield field.invalid(path, name, "list must be sorted alphabetically")
        for text in _is_feature(name):
            yield field.invalid(path, name, f"invalid feature name {json.dumps(name)}: {text}")


def _validate_addresses(status: JsonObject) -> Errors:
    seen: list[JsonObject] = []
    for path, address in enumerate_items(status.get("addresses"), "status.addresses"):
        if address in seen:
            yield field.duplicate(path, address)
        seen.append(address)


def _is_feature(name: str) -> list[str]:
    if len(name) > _FEATURE_MAX:
        return [f"must be no more than {_FEATURE_MAX} characters"]
    return [] if re.fullmatch(_FEATURE, name) else [_FEATURE_TEXT]
