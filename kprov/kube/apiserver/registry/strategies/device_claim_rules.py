"""What device classes, claims and their templates may ask for.

Source: upstream pkg/apis/resource/validation/validation.go (validateResourceClaimSpec,
validateDeviceClassSpec); CEL expressions are not compiled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, needed
from kprov.kube.apiserver.registry.podspec import resources as container_resources
from kprov.kube.apiserver.registry.strategies import device_checks
from kprov.kube.apiserver.registry.strategies.device_checks import REQUESTS_MAX, distinct, limited
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

#: Of a claim: its requests, and the alternatives of each.
Requests = Mapping[str, Collection[str]]

_MODES: Final = ["All", "ExactCount"]
_CONSTRAINTS_MAX: Final = 32
CONFIG_MAX: Final = 32
_SELECTORS_MAX: Final = 32
_ALTERNATIVES_MAX: Final = 8
_EXPRESSION_MAX: Final = 10 * 1024
_NO_REQUEST: Final = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)
_ONE_KIND: Final = "exactly one of `exactly` or `firstAvailable` is required"
_TEMPLATE_METADATA: Final = ("labels", "annotations")


def device_class(spec: JsonObject, before: JsonObject | None) -> Errors:
    """before: the spec of the object that is changed."""
    yield from limited(spec.get("selectors"), "spec.selectors", _SELECTORS_MAX, _selector)
    config = spec.get("config")
    stored = before is not None and (config or []) == (before.get("config") or [])

    def rule(one: JsonObject, path: str) -> Errors:
        yield from device_checks.configuration(one, path, stored=stored)

    yield from limited(config, "spec.config", CONFIG_MAX, rule)
    name = spec.get("extendedResourceName")
    if name is not None and not container_resources.is_extended(name):
        yield field.invalid("spec.extendedResourceName", name, "must be a valid extended resource name")


def template(spec: JsonObject) -> Errors:
    metadata, path = spec.get("metadata") or {}, "spec.metadata"
    yield from checks.annotation_map(metadata.get("annotations"), f"{path}.annotations")
    yield from checks.labels(metadata.get("labels"), f"{path}.labels")
    for part in metadata.keys() - set(_TEMPLATE_METADATA):
        yield field.forbidden(f"{path}.{part}", "cannot be set")
    yield from claim(spec.get("spec") or {}, "spec.spec")


def claim(spec: JsonObject, path: str) -> Errors:
    devices, path = spec.get("devices") or {}, f"{path}.devices"
    known = requests(spec)
    yield from distinct(devices.get("requests"), f"{path}.requests", REQUESTS_MAX, _request, _name)

    def constraint(one: JsonObject, where: str) -> Errors:
        yield from request_references(one, where, known)
        if one.get("matchAttribute") is not None:
            yield from device_checks.fully_qualified_name(one["matchAttribute"], f"{where}.matchAttribute")
        elif one.get("distinctAttribute") is not None:
            attribute = one["distinctAttribute"]
            yield from device_checks.fully_qualified_name(attribute, f"{where}.distinctAttribute")
        else:
            text = (
                'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields '
                "are set"
            )
            yield field.required(where, text)

    def config(one: JsonObject, where: str) -> Errors:
        yield from request_references(one, where, known)
        yield from device_checks.configuration(one, where)

    yield from limited(devices.get("constraints"), f"{path}.constraints", _CONSTRAINTS_MAX, constraint)
    yield from limited(devices.get("config"), f"{path}.config", CONFIG_MAX, config)


def requests(spec: JsonObject) -> Requests:
    """The names that a claim gives its requests."""
    given = (spec.get("devices") or {}).get("requests") or ()
    return {_name(one): {_name(part) for part in one.get("firstAvailable") or ()} for one in given}


def request_references(owner: JsonObject, path: str, known: Requests) -> Errors:
    """The requests that something is for."""

    def rule(name: str, where: str) -> Errors:
        yield from request_reference(name, where, known)

    yield from distinct(owner.get("requests"), f"{path}.requests", REQUESTS_MAX, rule)


def request_reference(name: str, path: str, known: Requests) -> Errors:
    """REQUEST or REQUEST/ALTERNATIVE."""
    parts = name.split("/")
    if len(parts) > 2:
        yield field.invalid(path, name, _NO_REQUEST)
        return
    for part in parts:
        yield from device_checks.label(part, path)
    if parts[0] not in known or (len(parts) > 1 and parts[1] not in known[parts[0]]):
        yield field.invalid(path, name, _NO_REQUEST)


def _name(owner: JsonObject) -> str:
    name: str = owner.get("name", "")
    return name


def _request(request: JsonObject, path: str) -> Errors:
    yield from device_checks.label(_name(request), f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable")
    if exactly is not None and alternatives:
        yield field.invalid(path, None, f"{_ONE_KIND}, but multiple fields are set")
    elif exactly is not None:
        yield from _wanted(exactly, f"{path}.exactly")
    elif alternatives:
        where = f"{path}.firstAvailable"
        yield from distinct(alternatives, where, _ALTERNATIVES_MAX, _alternative, _name)
    else:
        yield field.required(path, _ONE_KIND)


def _alternative(wanted: JsonObject, path: str) -> Errors:
    yield from device_checks.label(_name(wanted), f"{path}.name")
    yield from _wanted(wanted, path)


def _wanted(wanted: JsonObject, path: str) -> Errors:
    yield from needed(wanted, path, "deviceClassName", names.is_dns1123_subdomain)
    yield from limited(wanted.get("selectors"), f"{path}.selectors", _SELECTORS_MAX, _selector)
    mode, count = wanted.get("allocationMode", ""), wanted.get("count") or 0
    if mode not in _MODES:
        yield field.not_supported(f"{path}.allocationMode", mode, _MODES)
    elif mode == "All" and count:
        text = "must not be specified when allocationMode is 'All'"
        yield field.invalid(f"{path}.count", count, text)
    elif mode == "ExactCount" and count <= 0:
        yield field.invalid(f"{path}.count", count, "must be greater than zero")
    for where, one in each(wanted.get("tolerations"), f"{path}.tolerations"):
        yield from device_checks.toleration(one, where)


def _selector(selector: JsonObject, path: str) -> Errors:
    if selector.get("cel") is None:
        yield field.required(f"{path}.cel")
    elif len(selector["cel"].get("expression", "").encode()) > _EXPRESSION_MAX:
        yield field.too_long(f"{path}.cel.expression", _EXPRESSION_MAX)
