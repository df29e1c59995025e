"""What pods use of a quota.

Source: upstream pkg/quota/v1/evaluator/core/pods.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kprov.kube.component_helpers.pod_resources import (
    Amounts,
    add_amounts,
    compute_pod_resources,
    has_pod_level,
    parse_amounts,
)
from kprov.kube.component_helpers.quota.evaluator import ONE, Evaluator
from kprov.kube.component_helpers.quota.scopes import names_match
from kprov.kube.machinery import names, timestamps
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import Quantity

REQUESTS: Final = "requests."
HUGE_PAGES: Final = "hugepages-"
DEVICE_CLASS: Final = "deviceclass.resource.kubernetes.io/"
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_NAMES: Final = frozenset({
    "pods", *_COMPUTE, *(f"{part}.{name}" for part in ("requests", "limits") for name in _COMPUTE),
})  # fmt: skip
#: With a quota on one of these every container has to specify it (upstream keeps this for old clients).
_DEMANDED: Final = frozenset({
    "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
})  # fmt: skip


class Pods(Evaluator):
    has_scopes = True

    def __init__(self) -> None:
        super().__init__("", "pods")

    def handles(self, operation: str, subresource: str, obj: JsonMapping, old: JsonMapping | None) -> bool:
        if subresource == "resize":
            return operation == "UPDATE"
        if subresource:
            return False
        changes_scope = operation == "UPDATE" and is_terminating(obj) != is_terminating(old or {})
        return operation == "CREATE" or changes_scope

    def measures(self, name: str) -> bool:
        return (
            name == self.count
            or name in _NAMES
            or name.startswith((HUGE_PAGES, REQUESTS + HUGE_PAGES))
            or is_extended(name)
        )

    def in_scope(self, scope: JsonMapping, obj: JsonMapping) -> bool:
        spec = obj.get("spec") or {}
        match scope["scopeName"]:
            case "Terminating":
                return is_terminating(obj)
            case "NotTerminating":
                return not is_terminating(obj)
            case "BestEffort":
                return is_best_effort(spec)
            case "NotBestEffort":
                return not is_best_effort(spec)
            case "PriorityClass":
                name = spec.get("priorityClassName")
                return names_match(scope, [name] if name else [])
            case "CrossNamespacePodAffinity":
                return _crosses_namespaces(spec.get("affinity") or {})
        return False

    def constraint(self, required: Sequence[str], obj: JsonMapping) -> str:
        spec = obj.get("spec") or {}
        if has_pod_level(spec):
            return ""
        missing: dict[str, set[str]] = {}
        demanded = _DEMANDED & set(required)
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            has = _compute(parse_amounts(resources.get("requests")), parse_amounts(resources.get("limits")))
            for name in demanded - has.keys():
                missing.setdefault(name, set()).add(container["name"])
        if not missing:
            return ""
        parts = (f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))
        return f"must specify {'; '.join(parts)}"

    def usage(self, obj: JsonMapping) -> Amounts:
        used: Amounts = {self.count: ONE}
        if is_alive(obj):
            add_amounts(
                used, _compute(compute_pod_resources(obj, "requests"), compute_pod_resources(obj, "limits"))
            )
        return used


def is_terminating(pod: JsonMapping) -> bool:
    """Whether the pod has an active deadline."""
    seconds = (pod.get("spec") or {}).get("activeDeadlineSeconds")
    return seconds is not None and seconds >= 0


def is_alive(pod: JsonMapping, now: datetime | None = None) -> bool:
    """Whether the pod counts: it has not ended, and its deletion is not past the grace period."""
    if (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}:
        return False
    metadata = pod.get("metadata") or {}
    deleted, grace = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    if deleted is None or grace is None:
        return True
    return (now or datetime.now(UTC)) <= timestamps.parse(deleted) + timedelta(seconds=grace)


def is_best_effort(spec: Mapping[str, Any]) -> bool:
    """Whether the pod has neither requests nor limits for cpu and memory."""
    whole = spec.get("resources") or {}
    parts = [whole] if whole.get("requests") or whole.get("limits") else [
        container.get("resources") or {}
        for kind in ("containers", "initContainers")
        for container in spec.get(kind) or ()
    ]  # fmt: skip
    return not any(
        Quantity.parse((part.get(kind) or {}).get(name, "0")).nanos > 0
        for part in parts
        for kind in ("requests", "limits")
        for name in ("cpu", "memory")
    )


def is_extended(name: str) -> bool:
    """Whether a quota's name is for requests of an extended resource."""
    return name.startswith(REQUESTS) and (not _is_native(name) or name.startswith(REQUESTS + DEVICE_CLASS))


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _compute(requests: Amounts, limits: Amounts) -> Amounts:
    used: Amounts = {"pods": ONE}
    for name in _COMPUTE:
        if name in requests:
            used[name] = used[REQUESTS + name] = requests[name]
        if name in limits:
            used[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if name.startswith(HUGE_PAGES):
            used[name] = used[REQUESTS + name] = amount
        elif name.startswith(DEVICE_CLASS) or (
            not _is_native(name)
            and not name.startswith(REQUESTS)
            and not names.is_qualified_name(REQUESTS + name)
        ):
            used[REQUESTS + name] = amount
    return used


def _crosses_namespaces(affinity: Mapping[str, Any]) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        required = list(terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        preferred = terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        required += [weighted_term.get("podAffinityTerm") or {} for weighted_term in preferred]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in required):
            return True
    return False
