"""Requests, limits and device claims of containers and pods.

Source: upstream pkg/apis/core/validation/validation.go (validateResourceRequirements),
pkg/apis/core/helper.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    NOT_NEGATIVE,
    Errors,
    check_value,
    enumerate_items,
    parse_nanos,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import cache_short

HUGE: Final = "hugepages-"
_NANO: Final = 10**9
_COMPUTE: Final = {"cpu", "memory"}
CONTAINER: Final = {"cpu", "memory", "ephemeral-storage"}
_QUOTA: Final = {
    *(f"{part}{name}" for part in ("", "requests.", "limits.") for name in sorted(CONTAINER)),
    *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"),
    *(
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
        "requests.storage",
        "storage",
    ),
}
_COUNTED: Final = {
    *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"),
    *("persistentvolumeclaims", "services.nodeports", "services.loadbalancers"),
}
_NOT_A_NAME: Final = "must be a standard resource type or fully qualified"
_INTEGER: Final = "must be an integer"
_UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def check_resource_name(name: str, path: str) -> Errors:
    """Check a resource name. Without a domain, Kubernetes must know it."""
    wrong = list(check_value(name, path, names.is_qualified_name))
    yield from wrong
    if not wrong and "/" not in name and not is_standard(name):
        yield field.invalid(path, name, _NOT_A_NAME)


def is_standard(name: str) -> bool:
    return name in _QUOTA or name.startswith((HUGE, "requests." + HUGE))


def check_container_resource_name(name: str, path: str) -> Errors:
    yield from check_resource_name(name, path)
    if "/" not in name:
        if name not in CONTAINER and not name.startswith(HUGE):
            yield field.invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield field.invalid(path, name, "doesn't follow extended resource name standard")


def check_pod_resource_name(name: str, path: str) -> Errors:
    wrong = list(check_resource_name(name, path))
    yield from wrong
    if not wrong and name not in _COMPUTE and not name.startswith(HUGE):
        yield field.not_supported(path, name, ["cpu", "hugepages-", "memory"])


def is_native(name: str) -> bool:
    """Whether a resource belongs to Kubernetes, not to a device plugin."""
    return "/" not in name or "kubernetes.io/" in name


@cache_short(maxsize=1024)
def is_extended(name: str) -> bool:
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not names.is_qualified_name(f"requests.{name}")
    )


def check_quantity(name: str, amount: str, path: str) -> Errors:
    """Check that an amount is not negative, and whole for resources that are counted."""
    nanos = parse_nanos(amount)
    if nanos < 0:
        yield field.invalid(path, str(amount), NOT_NEGATIVE)
    if nanos % _NANO and is_whole(name):
        yield field.invalid(path, amount, _INTEGER)


def is_whole(name: str) -> bool:
    return name in _COUNTED or is_extended(name)


def validate_container_resources(resources: JsonObject, claims: Collection[str], path: str) -> Errors:
    yield from _validate_requirements(resources, claims, path, check_container_resource_name)


def validate_pod_resources(resources: JsonObject, claims: Collection[str], path: str) -> Errors:
    yield from _validate_requirements(resources, claims, path, check_pod_resource_name)


def _validate_requirements(
    resources: JsonObject, claims: Collection[str], path: str, check: Callable[[str, str], Errors]
) -> Errors:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    valid: set[str] = set()
    for name, amount in limits.items():
        where = f"{path}.limits[{name}]"
        wrong = [*_check_amount(name, amount, where, check), *_validate_huge_pages(name, amount, where)]
        yield from wrong
        if not wrong:
            valid.add(name)
    for name, amount in requests.items():
        if name in valid and limits[name] == amount:
            continue  # as the default is: nothing is wrong with the same amount of the same resource
        yield from _check_amount(name, amount, f"{path}.requests[{name}]", check)
        yield from _check_request_within_limit(name, amount, limits, path)
        yield from _validate_huge_pages(name, amount, f"{path}.requests[{name}]")
    used = limits.keys() | requests.keys()
    if not used & _COMPUTE and any(name.startswith(HUGE) for name in used):
        yield field.forbidden(path, "HugePages require cpu or memory")
    yield from _validate_claims(resources, claims, f"{path}.claims")


def _check_amount(name: str, amount: str, path: str, check: Callable[[str, str], Errors]) -> Errors:
    yield from check(name, path)
    yield from check_quantity(name, amount, path)


def _check_request_within_limit(name: str, amount: str, limits: Mapping[str, str], path: str) -> Errors:
    limit, overcommit = limits.get(name), is_native(name) and not name.startswith(HUGE)
    if limit is None:
        if not overcommit:
            yield field.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif not overcommit and parse_nanos(amount) != parse_nanos(limit):
        yield field.invalid(f"{path}.requests", str(amount), f"must be equal to {name} limit of {limit}")
    elif parse_nanos(amount) > parse_nanos(limit):
        text = f"must be less than or equal to {name} limit of {limit}"
        yield field.invalid(f"{path}.requests", str(amount), text)


def _validate_huge_pages(name: str, amount: str, path: str) -> Errors:
    if not name.startswith(HUGE):
        return
    size = parse_nanos(name.removeprefix(HUGE))
    if not size or parse_nanos(amount) % size or parse_nanos(amount) < 0:
        yield field.invalid(path, str(amount), f"{amount} is not positive integer multiple of {name}")


def _validate_claims(resources: JsonObject, known: Collection[str], path: str) -> Errors:
    seen: set[str] = set()
    for where, claim in enumerate_items(resources.get("claims"), path):
        name, request = claim.get("name", ""), claim.get("request", "")
        if not name:
            yield field.required(where)
            continue
        key = f"{name}/{request}" if request else name
        if name in seen:
            yield field.duplicate(where, name)
        else:
            if request:
                yield from check_value(request, f"{where}.request", names.is_dns1123_label)
            if key in seen:
                yield field.duplicate(where, key)
            elif not request and any(seen_key.startswith(f"{name}/") for seen_key in seen):
                yield field.duplicate(where, name)
            seen.add(key)
        if name not in known:
            listed = f": {', '.join(sorted(known))}" if known else " which is empty"
            text = f'Not found: "{name}": must be one of the names in pod.spec.resourceClaims{listed}'
            yield FieldError("FieldValueNotFound", where, text)
