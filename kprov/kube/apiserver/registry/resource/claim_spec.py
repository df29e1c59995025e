"""The spec of resource claims and of their templates: defaults and field rules.

Source: upstream pkg/apis/resource/v1/defaults.go,
pkg/apis/resource/validation/validation.go (validateResourceClaimSpec).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_required_field, enumerate_items
from kprov.kube.apiserver.registry.resource.device_lists import (
    REQUESTS_MAX,
    check_distinct_list,
    check_limited_list,
)
from kprov.kube.apiserver.registry.resource.device_names import (
    check_fully_qualified_name,
    check_label,
    get_name,
)
from kprov.kube.apiserver.registry.resource.device_parameters import CONFIG_MAX, validate_configuration
from kprov.kube.apiserver.registry.resource.device_selector import SELECTORS_MAX, validate_selector
from kprov.kube.apiserver.registry.resource.device_taints import default_tolerations, validate_toleration
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

#: The requests of a claim, with the alternatives of each.
Requests = Mapping[str, Collection[str]]
_MODES: Final = ["All", "ExactCount"]
_CONSTRAINTS_MAX: Final = 32
_ALTERNATIVES_MAX: Final = 8
_NO_REQUEST: Final = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)
_ONE_KIND: Final = "exactly one of `exactly` or `firstAvailable` is required"


def validate_claim_spec(spec: JsonObject, path: str) -> Errors:
    devices, path = spec.get("devices") or {}, f"{path}.devices"
    known = collect_request_names(spec)
    yield from check_distinct_list(
        devices.get("requests"), f"{path}.requests", REQUESTS_MAX, _validate_request, get_name
    )

    def constraint(device_constraint: JsonObject, where: str) -> Errors:
        yield from validate_request_references(device_constraint, where, known)
        if device_constraint.get("matchAttribute") is not None:
            yield from check_fully_qualified_name(
                device_constraint["matchAttribute"], f"{where}.matchAttribute"
            )
        elif device_constraint.get("distinctAttribute") is not None:
            attribute = device_constraint["distinctAttribute"]
            yield from check_fully_qualified_name(attribute, f"{where}.distinctAttribute")
        else:
            text = (
                'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields '
                "are set"
            )
            yield field.required(where, text)

    def config(configuration: JsonObject, where: str) -> Errors:
        yield from validate_request_references(configuration, where, known)
        yield from validate_configuration(configuration, where)

    yield from check_limited_list(
        devices.get("constraints"), f"{path}.constraints", _CONSTRAINTS_MAX, constraint
    )
    yield from check_limited_list(devices.get("config"), f"{path}.config", CONFIG_MAX, config)


def collect_request_names(spec: JsonObject) -> Requests:
    """Return the names of a claim's requests, with the names of their alternatives."""
    requests = (spec.get("devices") or {}).get("requests") or ()
    return {
        get_name(request): {get_name(part) for part in request.get("firstAvailable") or ()}
        for request in requests
    }


def validate_request_references(owner: JsonObject, path: str, known: Requests) -> Errors:
    """Field rules of a list of references to requests."""

    def rule(name: str, where: str) -> Errors:
        yield from validate_request_reference(name, where, known)

    yield from check_distinct_list(owner.get("requests"), f"{path}.requests", REQUESTS_MAX, rule)


def validate_request_reference(name: str, path: str, known: Requests) -> Errors:
    """Check a reference such as REQUEST or REQUEST/ALTERNATIVE."""
    parts = name.split("/")
    if len(parts) > 2:
        yield field.invalid(path, name, _NO_REQUEST)
        return
    for part in parts:
        yield from check_label(part, path)
    if parts[0] not in known or (len(parts) > 1 and parts[1] not in known[parts[0]]):
        yield field.invalid(path, name, _NO_REQUEST)


def _validate_request(request: JsonObject, path: str) -> Errors:
    yield from check_label(get_name(request), f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable")
    if exactly is not None and alternatives:
        yield field.invalid(path, None, f"{_ONE_KIND}, but multiple fields are set")
    elif exactly is not None:
        yield from _validate_exact_request(exactly, f"{path}.exactly")
    elif alternatives:
        where = f"{path}.firstAvailable"
        yield from check_distinct_list(
            alternatives, where, _ALTERNATIVES_MAX, _validate_alternative, get_name
        )
    else:
        yield field.required(path, _ONE_KIND)


def _validate_alternative(wanted: JsonObject, path: str) -> Errors:
    yield from check_label(get_name(wanted), f"{path}.name")
    yield from _validate_exact_request(wanted, path)


def _validate_exact_request(wanted: JsonObject, path: str) -> Errors:
    yield from check_required_field(wanted, path, "deviceClassName", names.is_dns1123_subdomain)
    yield from check_limited_list(
        wanted.get("selectors"), f"{path}.selectors", SELECTORS_MAX, validate_selector
    )
    mode, count = wanted.get("allocationMode", ""), wanted.get("count") or 0
    if mode not in _MODES:
        yield field.not_supported(f"{path}.allocationMode", mode, _MODES)
    elif mode == "All" and count:
        text = "must not be specified when allocationMode is 'All'"
        yield field.invalid(f"{path}.count", count, text)
    elif mode == "ExactCount" and count <= 0:
        yield field.invalid(f"{path}.count", count, "must be greater than zero")
    for where, toleration in enumerate_items(wanted.get("tolerations"), f"{path}.tolerations"):
        yield from validate_toleration(toleration, where)


def default_claim_spec(spec: JsonObject) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        for wanted in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if wanted is None:
                continue
            wanted["allocationMode"] = wanted.get("allocationMode") or "ExactCount"
            if wanted["allocationMode"] == "ExactCount":
                wanted["count"] = wanted.get("count") or 1
            default_tolerations(wanted)
