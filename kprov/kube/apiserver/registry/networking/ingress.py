"""Ingresses.

Source: upstream pkg/registry/networking/ingress/strategy.go, pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.load_balancer_status import (
    check_load_balancer_hostname,
    check_load_balancer_ip,
    list_load_balancers,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.networking.typed_reference import validate_typed_reference
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_PATH_TYPES: Final = ["Exact", "ImplementationSpecific", "Prefix"]
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


class IngressStrategy(ResourceStrategy):
    storage_folder = "ingress"
    has_generation = True
    new_status: Mapping[str, Any] | None = {"loadBalancer": {}}

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        annotations = obj["metadata"].get("annotations") or {}
        if (
            old is not None
            or _CLASS_ANNOTATION not in annotations
            or (obj.get("spec") or {}).get("ingressClassName") is not None
        ):
            return []
        return [
            f"annotation \"{_CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
        ]

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_ingress(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_ingress(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_ingress_status(obj, old))

    def find_status_warnings(self, obj: JsonObject) -> list[str]:
        return list(find_ingress_status_warnings(obj))


def validate_ingress(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield field.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        yield from _validate_backend(spec["defaultBackend"], "spec.defaultBackend")
    for where, rule in enumerate_items(spec.get("rules"), "spec.rules"):
        yield from _validate_rule(rule, where)
    for where, tls in enumerate_items(spec.get("tls"), "spec.tls"):
        for place, host in enumerate_items(tls.get("hosts"), f"{where}.hosts"):
            yield from checks.check_value(host, place, _select_host_check(host))
        yield from checks.check_optional_field(tls, where, "secretName", names.is_dns1123_subdomain)
    name = spec.get("ingressClassName")
    if name is not None:
        yield from checks.check_value(name, "spec.ingressClassName", names.is_dns1123_subdomain)
    annotation = (obj["metadata"].get("annotations") or {}).get(_CLASS_ANNOTATION)
    if old is None and annotation is not None and name is not None and annotation != name:
        text = "must match `ingressClassName` when both are specified"
        yield field.invalid(f"annotations.{_CLASS_ANNOTATION}", annotation, text)


def _select_host_check(host: str) -> checks.Check:
    return names.is_wildcard_dns1123_subdomain if "*" in host else names.is_dns1123_subdomain


def _validate_rule(rule: JsonObject, path: str) -> Errors:
    host = rule.get("host", "")
    if host:
        if addresses.parse_address(host) is not None:
            yield field.invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
        yield from checks.check_value(host, f"{path}.host", _select_host_check(host))
    if rule.get("http") is None:
        return
    if not rule["http"].get("paths"):
        yield field.required(f"{path}.http.paths")
    for where, each_path in enumerate_items(rule["http"].get("paths"), f"{path}.http.paths"):
        yield from _validate_http_path(each_path, where)


def _validate_http_path(value: JsonObject, path: str) -> Errors:
    kind, text = value.get("pathType"), value.get("path", "")
    if kind is None:
        yield field.required(f"{path}.pathType", "pathType must be specified")
        return
    yield from checks.check_enum(kind, f"{path}.pathType", _PATH_TYPES)
    if kind in _PATH_TYPES and not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        yield field.invalid(f"{path}.path", text, "must be an absolute path")
    if kind in {"Exact", "Prefix"}:
        for wrong in ("//", "/./", "/../", "%2f", "%2F"):
            if wrong in text:
                yield field.invalid(f"{path}.path", text, f"must not contain '{wrong}'")
        for wrong in ("/..", "/."):
            if text.endswith(wrong):
                yield field.invalid(f"{path}.path", text, f"cannot end with '{wrong}'")
    yield from _validate_backend(value.get("backend") or {}, f"{path}.backend")


def _validate_backend(backend: JsonObject, path: str) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield field.invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from validate_typed_reference(resource, f"{path}.resource")
    elif service is None:
        yield field.invalid(path, "", "resource or service backend is required")
    else:
        yield from checks.check_required_field(service, f"{path}.service", "name", names.is_dns1123_label)
        port = service.get("port") or {}
        if port.get("name") and port.get("number"):
            yield field.invalid(path, "", "cannot set both port name & port number")
        elif port.get("name"):
            yield from checks.check_value(port["name"], f"{path}.service.port.name", names.is_port_name)
        elif port.get("number"):
            yield from checks.check_value(port["number"], f"{path}.service.port.number", names.is_port_number)
        else:
            yield field.required(path, "port name or number is required")


def validate_ingress_status(obj: JsonObject, old: JsonObject) -> Errors:
    known = {load_balancer["ip"] for load_balancer in list_load_balancers(old) if load_balancer.get("ip")}
    for where, ingress_point in enumerate_items(list_load_balancers(obj), "status.loadBalancer.ingress"):
        yield from check_load_balancer_ip(ingress_point, known, where)
        yield from check_load_balancer_hostname(ingress_point, where)


def find_ingress_status_warnings(obj: JsonObject) -> Iterator[str]:
    for where, ingress_point in enumerate_items(list_load_balancers(obj), "status.loadBalancer.ingress"):
        yield from addresses.find_ip_warnings(ingress_point.get("ip", ""), where)
