"""Check requests and limits against one item of a LimitRange, with upstream's texts."""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

Amounts = dict[str, Quantity]


def check_limits(kind: str, item: JsonObject, requests: Amounts, limits: Amounts) -> list[str]:
    """Return the violations of min, max and maxLimitRequestRatio."""
    checks = (("min", _check_minimum), ("max", _check_maximum), ("maxLimitRequestRatio", _check_ratio))
    violations = []
    for field, check in checks:
        for name, value in (item.get(field) or {}).items():
            text = check(kind, name, Quantity.parse(value), requests.get(name), limits.get(name))
            if text:
                violations.append(text)
    return violations


def check_requests(kind: str, item: JsonObject, requests: Amounts) -> list[str]:
    """As check_limits, for kinds that only have requests (claims)."""
    violations = []
    for name, value in (item.get("min") or {}).items():
        text = _check_minimum(kind, name, Quantity.parse(value), requests.get(name), None)
        violations += [text] if text else []
    for name, value in (item.get("max") or {}).items():
        bound, request = Quantity.parse(value), requests.get(name)
        start = f"maximum {name} usage per {kind} is {bound}"
        if request is None:
            violations.append(f"{start}.  No request is specified")
        elif bound < request:
            violations.append(f"{start}, but request is {request}")
    return violations


def _check_minimum(
    kind: str, name: str, bound: Quantity, request: Quantity | None, limit: Quantity | None
) -> str:
    start = f"minimum {name} usage per {kind} is {bound}"
    if request is None:
        return f"{start}.  No request is specified"
    if request < bound:
        return f"{start}, but request is {request}"
    if limit is not None and limit < bound:
        return f"{start}, but limit is {limit}"
    return ""


def _check_maximum(
    kind: str, name: str, bound: Quantity, request: Quantity | None, limit: Quantity | None
) -> str:
    start = f"maximum {name} usage per {kind} is {bound}"
    if limit is None:
        return f"{start}.  No limit is specified"
    if bound < limit:
        return f"{start}, but limit is {limit}"
    if request is not None and bound < request:
        return f"{start}, but request is {request}"
    return ""


def _check_ratio(
    kind: str, name: str, bound: Quantity, request: Quantity | None, limit: Quantity | None
) -> str:
    start = f"{name} max limit to request ratio per {kind} is {bound}"
    if request is None or not request.nanos:
        return f"{start}, but no request is specified or request is 0"
    if limit is None or not limit.nanos:
        return f"{start}, but no limit is specified or limit is 0"
    ratio = limit.nanos / request.nanos
    return f"{start}, but provided ratio is {ratio:f}" if ratio * 1000 > bound.milli_value else ""
