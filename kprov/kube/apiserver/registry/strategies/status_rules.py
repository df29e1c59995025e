"""What may be written to the status of workloads, autoscalers, budgets, load balancers and namespaces.

Source: upstream pkg/apis/{apps,autoscaling,core,networking,policy}/validation/validation.go
(Validate*StatusUpdate) and staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation (ValidateConditions).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, not_negative
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_STATUSES: Final = ["False", "True", "Unknown"]
_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_TEXT: Final = (
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
)
_REASON_MAX: Final = 1024
_MESSAGE_MAX: Final = 32 * 1024
_IP_MODES: Final = ["Proxy", "VIP"]


def deployment(obj: JsonObject, old: JsonObject) -> Errors:
    status = obj.get("status") or {}
    yield from not_negative(
        status,
        "status",
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    )
    yield from _no_more_than_replicas(status, "updatedReplicas", "readyReplicas", "availableReplicas")
    yield from _available_are_ready(status, "readyReplicas")
    yield from _collisions(status, old)


def replica_set(obj: JsonObject) -> Errors:
    """Of replica sets and replication controllers."""
    status = obj.get("status") or {}
    yield from not_negative(
        status,
        "status",
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    )
    yield from _no_more_than_replicas(status, "fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    yield from _available_are_ready(status, "readyReplicas")


def stateful_set(obj: JsonObject, old: JsonObject) -> Errors:
    status = obj.get("status") or {}
    counts = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    yield from not_negative(status, "status", "replicas", *counts, "observedGeneration", "collisionCount")
    yield from _no_more_than_replicas(status, *counts)
    yield from _available_are_ready(status, "status.readyReplicas")
    yield from _collisions(status, old)


def daemon_set(obj: JsonObject, old: JsonObject) -> Errors:
    status = obj.get("status") or {}
    yield from not_negative(
        status,
        "status",
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    )
    yield from _collisions(status, old)


def _no_more_than_replicas(status: JsonObject, *parts: str) -> Errors:
    for part in parts:
        if (status.get(part) or 0) > (status.get("replicas") or 0):
            yield field.invalid(
                f"status.{part}", status.get(part, 0), "cannot be greater than status.replicas"
            )


def _available_are_ready(status: JsonObject, shown: str) -> Errors:
    if (status.get("availableReplicas") or 0) > (status.get("readyReplicas") or 0):
        path = "status.availableReplicas"
        yield field.invalid(path, status["availableReplicas"], f"cannot be greater than {shown}")


def _collisions(status: JsonObject, old: JsonObject) -> Errors:
    count, before = status.get("collisionCount"), (old.get("status") or {}).get("collisionCount")
    if before is not None and (count is None or count < before):
        yield field.invalid("status.collisionCount", count or 0, "cannot be decremented")


def autoscaler(obj: JsonObject) -> Errors:
    yield from not_negative(obj.get("status") or {}, "status", "currentReplicas", "desiredReplicas")


def disruption_budget(obj: JsonObject) -> Errors:
    status = obj.get("status") or {}
    yield from conditions(status.get("conditions"), "status.conditions")
    counts = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    yield from not_negative(status, "status", *counts)


def conditions(values: Sequence[JsonObject] | None, path: str) -> Errors:
    """Conditions of the shared form (metav1.Condition): each type once, each of them whole."""
    seen: set[str] = set()
    for where, condition in each(values, path):
        kind = condition.get("type", "")
        if kind in seen:
            yield field.duplicate(f"{where}.type", kind)
        seen.add(kind)
        yield from checks.named(kind, f"{where}.type", names.is_qualified_name)
        yield from checks.one_of(condition.get("status", ""), f"{where}.status", _STATUSES)
        generation = condition.get("observedGeneration") or 0
        if generation < 0:
            text = "must be greater than or equal to zero"
            yield field.invalid(f"{where}.observedGeneration", generation, text)
        yield from checks.required(condition, where, "lastTransitionTime")
        yield from checks.needed(condition, where, "reason", _is_reason)
        if len(condition.get("reason", "").encode()) > _REASON_MAX:
            yield field.too_long(f"{where}.reason", _REASON_MAX)
        if len(condition.get("message", "").encode()) > _MESSAGE_MAX:
            yield field.too_long(f"{where}.message", _MESSAGE_MAX)


def _is_reason(value: str) -> list[str]:
    if re.fullmatch(_REASON, value):
        return []
    examples = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")
    return [names.regex_error(_REASON_TEXT, _REASON, *examples)]


def service(obj: JsonObject, old: JsonObject) -> Errors:
    found = _balancers(obj)
    path = "status.loadBalancer.ingress"
    if (obj.get("spec") or {}).get("type") != "LoadBalancer" and found:
        yield field.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    known = {one["ip"] for one in _balancers(old) if one.get("ip")}
    for where, one in each(found, path):
        yield from _address(one, known, where)
        address, mode = one.get("ip"), one.get("ipMode")
        if mode is None:
            if address:
                yield field.required(f"{where}.ipMode", "must be specified when `ip` is set")
        elif not address:
            yield field.forbidden(f"{where}.ipMode", "may not be specified when `ip` is not set")
        else:
            yield from checks.one_of(mode, f"{where}.ipMode", _IP_MODES)
        yield from _host(one, where)


def ingress(obj: JsonObject, old: JsonObject) -> Errors:
    known = {one["ip"] for one in _balancers(old) if one.get("ip")}
    for where, one in each(_balancers(obj), "status.loadBalancer.ingress"):
        yield from _address(one, known, where)
        yield from _host(one, where)


def ingress_warnings(obj: JsonObject) -> Iterator[str]:
    for where, one in each(_balancers(obj), "status.loadBalancer.ingress"):
        yield from addresses.ip_warnings(one.get("ip", ""), where)


def _balancers(obj: JsonObject) -> list[JsonObject]:
    return ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []


def _address(one: JsonObject, known: Collection[str], path: str) -> Errors:
    """An address that was there before is let be."""
    if one.get("ip") and one["ip"] not in known:
        yield from addresses.ip_address(one["ip"], f"{path}.ip")


def _host(one: JsonObject, path: str) -> Errors:
    yield from checks.given(one, path, "hostname", names.is_dns1123_subdomain)
    if addresses.parsed(one.get("hostname") or "") is not None:
        text = "must be a DNS name, not an IP address"
        yield field.invalid(f"{path}.hostname", one["hostname"], text)


def namespace(obj: JsonObject) -> Errors:
    """A namespace ends by its deletion, not by its phase."""
    phase, going = (obj.get("status") or {}).get("phase", ""), "deletionTimestamp" in obj["metadata"]
    if going and phase != "Terminating":
        text = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        yield field.invalid("status.Phase", phase, text)
    if not going and phase != "Active":
        yield field.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")
