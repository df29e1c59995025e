"""Pod-level requests and limits, and how they fit those of the containers.

Source: upstream pkg/apis/core/validation/validation.go
(validatePodResources, validatePodResourceConsistency).
"""

from __future__ import annotations

from collections.abc import Collection

from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items, parse_nanos
from kprov.kube.apiserver.registry.podspec.resources import HUGE, validate_pod_resources
from kprov.kube.component_helpers.pod_resources import sum_container_resources
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def validate_pod_level_resources(spec: JsonObject, claims: Collection[str], path: str) -> Errors:
    resources, where = spec.get("resources"), f"{path}.resources"
    if resources is None:
        return
    if (spec.get("os") or {}).get("name") == "windows":
        yield field.forbidden(where, "may not be set for a windows pod")
        return
    if resources.get("claims"):
        yield field.forbidden(f"{where}.claims", "claims may not be set for Resources at pod-level")
    yield from validate_pod_resources(resources, claims, where)
    yield from _fits(spec, resources, where)


def _fits(spec: JsonObject, resources: JsonObject, path: str) -> Errors:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, total in sorted(sum_container_resources(spec, "requests").items()):
        if name in requests and total.nanos > parse_nanos(requests[name]):
            text = f"must be greater than or equal to aggregate container requests of {total}"
            yield field.invalid(f"{path}.requests[{name}]", requests[name], text)
    for name, total in sorted(sum_container_resources(spec, "limits").items()):
        if name.startswith(HUGE) and name in limits and total.nanos > parse_nanos(limits[name]):
            text = f"must be greater than or equal to aggregate container limits of {total}"
            yield field.invalid(f"{path}.limits[{name}]", limits[name], text)
    for where, container in enumerate_items(spec.get("containers"), f"{path}.containers"):
        for name, amount in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and parse_nanos(amount) > parse_nanos(limits[name]):
                text = f"must be less than or equal to pod limits of {limits[name]}"
                yield field.invalid(f"{where}[{name}].limits", amount, text)
