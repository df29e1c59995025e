"""Charge one request to the quotas of its namespace, or reject it.

Source: upstream staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, CheckRequest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kprov.kube.apiserver.admission.plugin import Attributes, forbidden_error
from kprov.kube.component_helpers.pod_resources import Amounts, parse_amounts
from kprov.kube.component_helpers.quota.evaluator import Evaluator, scopes_of
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.quantity import ZERO

#: An entry of limitedResources in a ResourceQuotaConfiguration.


@dataclass(slots=True)
class TrackedQuota:
    """A stored quota, and its usage including the requests before this one."""

    quota: JsonObject
    hard: Amounts
    used: Amounts

    @classmethod
    def from_quota(cls, quota: JsonObject) -> TrackedQuota:
        told = quota.get("status") or {}
        return cls(quota, parse_amounts(told.get("hard")), parse_amounts(told.get("used")))

    @property
    def name(self) -> str:
        return str(self.quota["metadata"]["name"])


def charge(
    quotas: Sequence[TrackedQuota],
    attributes: Attributes,
    evaluator: Evaluator,
    limited: Sequence[JsonMapping],
) -> dict[str, Amounts]:
    """Return the new usage of each changed quota by name. Raise StatusError 403."""
    obj = attributes.obj
    assert obj is not None
    matching = [tracked for tracked in quotas if evaluator.matches(tracked.quota, obj)]
    covered: set[str] = set()
    for tracked in matching:
        covered.update(_list_bounded_names(tracked, attributes, evaluator, obj))
    usage = evaluator.usage(obj)
    negative = sorted(name for name, amount in usage.items() if amount.nanos < 0)
    if negative:
        raise forbidden_error(attributes, f"quota usage is negative for resource(s): {','.join(negative)}")
    deltas = {
        tracked_quota.name: _drop_zeros(_compute_delta(tracked_quota, attributes, evaluator, usage))
        for tracked_quota in matching
    }
    if matching and not any(deltas.values()):
        return {}
    if not matching and not _drop_zeros(_compute_delta(None, attributes, evaluator, usage)):
        return {}
    _check_coverage(attributes, evaluator, limited, usage, covered, quotas)
    return {
        tracked_quota.name: used
        for tracked_quota in matching
        if (used := _fit_delta(tracked_quota, attributes, deltas[tracked_quota.name])) is not None
    }


def _list_bounded_names(
    tracked: TrackedQuota, attributes: Attributes, evaluator: Evaluator, obj: JsonObject
) -> list[str]:
    """Return the resource names of this kind that the quota limits."""
    bounded = evaluator.resources(tracked.hard)
    lacking = evaluator.constraint(bounded, obj)
    if lacking:
        raise forbidden_error(attributes, f"failed quota: {tracked.name}: {lacking}")
    if any(name not in tracked.used for name in bounded):
        text = f"status unknown for quota: {tracked.name}, resources: {','.join(bounded)}"
        raise forbidden_error(attributes, text)
    return bounded


def _compute_delta(
    tracked: TrackedQuota | None, attributes: Attributes, evaluator: Evaluator, usage: Amounts
) -> Amounts:
    """Return the additional usage of an update; all of it if the quota did not count the object before."""
    old = attributes.old
    if attributes.operation != "UPDATE" or old is None:
        return usage
    if tracked is not None and not evaluator.matches(tracked.quota, old):
        return usage
    before = evaluator.usage(old)
    more = {name: amount - before[name] if name in before else amount for name, amount in usage.items()}
    return {name: amount if amount.nanos > 0 else ZERO for name, amount in more.items()}


def _fit_delta(tracked: TrackedQuota, attributes: Attributes, delta: Amounts) -> Amounts | None:
    requested = {name: amount for name, amount in delta.items() if name in tracked.hard}
    if not requested:
        return None
    used = dict(tracked.used)
    for name, amount in requested.items():
        used[name] = used[name] + amount if name in used else amount
    exceeded = [name for name in requested if used[name] > tracked.hard[name]]
    # Updates of the status by the cluster are counted but never rejected.
    if exceeded and attributes.subresource != "status":
        text = (
            f"exceeded quota: {tracked.name}, requested: {_format_amounts(requested, exceeded)}, "
            f"used: {_format_amounts(tracked.used, exceeded)}, "
            f"limited: {_format_amounts(tracked.hard, exceeded)}"
        )
        raise forbidden_error(attributes, text)
    return used


def _check_coverage(
    attributes: Attributes,
    evaluator: Evaluator,
    limited: Sequence[JsonMapping],
    usage: Amounts,
    covered: set[str],
    quotas: Sequence[TrackedQuota],
) -> None:
    """Reject limited resources that no quota of the namespace covers. Raise StatusError 403."""
    if not limited:
        return
    resource = attributes.resource
    own = [
        limited_resource
        for limited_resource in limited
        if (limited_resource.get("apiGroup") or "", limited_resource.get("resource"))
        == (resource.group, resource.plural)
    ]
    bounded = {
        name
        for limited_resource in own
        for name, amount in usage.items()
        if amount.nanos > 0 and any(part in name for part in limited_resource.get("matchContains") or ())
    }
    if bounded - covered:
        raise forbidden_error(
            attributes, f"insufficient quota to consume: {','.join(sorted(bounded - covered))}"
        )
    if not evaluator.has_scopes or attributes.obj is None:
        return
    wanted = _match_scopes(
        evaluator,
        attributes.obj,
        (s for limited_resource in limited for s in limited_resource.get("matchScopes") or ()),
    )
    told = {
        scope["scopeName"]
        for tracked in quotas
        for scope in _match_scopes(evaluator, attributes.obj, scopes_of(tracked.quota))
    }
    lacking = [scope for scope in wanted if scope["scopeName"] not in told]
    if lacking:
        shown = " ".join(
            f"{{{scope['scopeName']} {scope.get('operator', '')} [{' '.join(scope.get('values') or ())}]}}"
            for scope in lacking
        )
        text = f"insufficient quota to match these scopes: [{shown}]"
        # Upstream returns an error without a Status here, which its handlers turn into a 500.
        raise status.failure(500, "", text)


def _match_scopes(evaluator: Evaluator, obj: JsonObject, scopes: Iterable[JsonMapping]) -> list[JsonMapping]:
    return [scope for scope in scopes if evaluator.in_scope(scope, obj)]


def _drop_zeros(listed: Amounts) -> Amounts:
    return {name: amount for name, amount in listed.items() if amount.nanos}


def _format_amounts(listed: Amounts, names: Iterable[str]) -> str:
    return ",".join(f"{name}={listed[name]}" for name in sorted(names) if name in listed)
