"""Network policies, ingresses and their classes.

Source: upstream pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each
from kprov.kube.apiserver.registry.strategies.job_rules import domain_path
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_TYPES: Final = ["Ingress", "Egress"]
_PATH_TYPES: Final = ["Exact", "ImplementationSpecific", "Prefix"]
_CONTROLLER_MAX: Final = 250
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


def blocks(obj: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """(path, ipBlock) of all peers."""
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for where, rule in each(obj["spec"].get(kind), f"spec.{kind}"):
            for place, peer in each(rule.get(peers), f"{where}.{peers}"):
                if peer.get("ipBlock") is not None:
                    yield f"{place}.ipBlock", peer["ipBlock"]


def ranges(obj: JsonObject) -> set[str]:
    """All CIDRs of a policy."""
    return {
        text for _, block in blocks(obj) for text in (block.get("cidr", ""), *(block.get("except") or ()))
    }


def policy_warnings(obj: JsonObject) -> Iterator[str]:
    for path, block in blocks(obj):
        yield from addresses.cidr_warnings(block.get("cidr", ""), f"{path}.cidr")
        for where, text in each(block.get("except"), f"{path}.except"):
            yield from addresses.cidr_warnings(text, where)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an update may leave as it was."""

    ranges: Collection[str]
    any_values: bool


def network_policy(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """`old`: what an update changes; its CIDRs and what its selectors compare with may stay."""
    spec, before = obj["spec"], (old or {}).get("spec") or {}
    kept = _Kept(ranges(old) if old else (), any_values=checks.is_wrong(before.get("podSelector")))
    selector = spec.get("podSelector") or {}
    yield from checks.label_selector(selector, "spec.podSelector", any_values=kept.any_values)
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for where, rule in each(spec.get(kind), f"spec.{kind}"):
            for place, port in each(rule.get("ports"), f"{where}.ports"):
                yield from _policy_port(port, place)
            for place, peer in each(rule.get(peers), f"{where}.{peers}"):
                yield from _peer(peer, place, kept)
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        yield field.invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for where, kind in each(types, "spec.policyTypes"):
        yield from checks.one_of(kind, where, _TYPES)


def _policy_port(port: JsonObject, path: str) -> Errors:
    number, end = port.get("port"), port.get("endPort")
    yield from checks.one_of(port.get("protocol"), f"{path}.protocol", ["TCP", "UDP", "SCTP"])
    if number is None:
        if end is not None:
            text = "may not be specified when `port` is not specified"
            yield field.invalid(f"{path}.endPort", end, text)
    elif isinstance(number, str):
        if end is not None:
            text = "may not be specified when `port` is non-numeric"
            yield field.invalid(f"{path}.endPort", end, text)
        yield from checks.named(number, f"{path}.port", names.is_port_name)
    else:
        yield from checks.named(number, f"{path}.port", names.is_port_number)
        if end is not None:
            if end < number:
                yield field.invalid(f"{path}.endPort", number, "must be greater than or equal to `port`")
            yield from checks.named(end, f"{path}.endPort", names.is_port_number)


def _peer(peer: JsonObject, path: str, kept: _Kept) -> Errors:
    given = [part for part in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(part) is not None]
    for part in given:
        if part == "ipBlock":
            yield from _block(peer[part], f"{path}.ipBlock", kept.ranges)
        else:
            yield from checks.label_selector(peer[part], f"{path}.{part}", any_values=kept.any_values)
    if not given:
        yield field.required(path, "must specify a peer")
    elif len(given) > 1 and "ipBlock" in given:
        yield field.forbidden(path, "may not specify both ipBlock and another peer")


def _block(block: JsonObject, path: str, kept: Collection[str]) -> Errors:
    whole = block.get("cidr", "")
    if not whole:
        yield field.required(f"{path}.cidr")
        return
    yield from addresses.cidr(whole, f"{path}.cidr", kept)
    outer = addresses.network(whole)
    if outer is None:
        return
    for where, text in each(block.get("except"), f"{path}.except"):
        yield from addresses.cidr(text, where, kept)
        inner: Any = addresses.network(text)
        if inner is None:
            continue
        if inner.version != outer.version or not inner.subnet_of(outer) or inner == outer:
            yield field.invalid(where, text, "must be a strict subset of `cidr`")


def ingress(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield field.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        yield from _backend(spec["defaultBackend"], "spec.defaultBackend")
    for where, rule in each(spec.get("rules"), "spec.rules"):
        yield from _rule(rule, where)
    for where, tls in each(spec.get("tls"), "spec.tls"):
        for place, host in each(tls.get("hosts"), f"{where}.hosts"):
            yield from checks.named(host, place, _host_check(host))
        yield from checks.given(tls, where, "secretName", names.is_dns1123_subdomain)
    name = spec.get("ingressClassName")
    if name is not None:
        yield from checks.named(name, "spec.ingressClassName", names.is_dns1123_subdomain)
    annotation = (obj["metadata"].get("annotations") or {}).get(_CLASS_ANNOTATION)
    if old is None and annotation is not None and name is not None and annotation != name:
        text = "must match `ingressClassName` when both are specified"
        yield field.invalid(f"annotations.{_CLASS_ANNOTATION}", annotation, text)


def _host_check(host: str) -> checks.Check:
    return names.is_wildcard_dns1123_subdomain if "*" in host else names.is_dns1123_subdomain


def _rule(rule: JsonObject, path: str) -> Errors:
    host = rule.get("host", "")
    if host:
        if addresses.parsed(host) is not None:
            yield field.invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
        yield from checks.named(host, f"{path}.host", _host_check(host))
    if rule.get("http") is None:
        return
    if not rule["http"].get("paths"):
        yield field.required(f"{path}.http.paths")
    for where, each_path in each(rule["http"].get("paths"), f"{path}.http.paths"):
        yield from _http_path(each_path, where)


def _http_path(value: JsonObject, path: str) -> Errors:
    kind, text = value.get("pathType"), value.get("path", "")
    if kind is None:
        yield field.required(f"{path}.pathType", "pathType must be specified")
        return
    yield from checks.one_of(kind, f"{path}.pathType", _PATH_TYPES)
    if kind in _PATH_TYPES and not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        yield field.invalid(f"{path}.path", text, "must be an absolute path")
    if kind in {"Exact", "Prefix"}:
        for wrong in ("//", "/./", "/../", "%2f", "%2F"):
            if wrong in text:
                yield field.invalid(f"{path}.path", text, f"must not contain '{wrong}'")
        for wrong in ("/..", "/."):
            if text.endswith(wrong):
                yield field.invalid(f"{path}.path", text, f"cannot end with '{wrong}'")
    yield from _backend(value.get("backend") or {}, f"{path}.backend")


def _backend(backend: JsonObject, path: str) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield field.invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from _reference(resource, f"{path}.resource")
    elif service is None:
        yield field.invalid(path, "", "resource or service backend is required")
    else:
        yield from checks.needed(service, f"{path}.service", "name", names.is_dns1123_label)
        port = service.get("port") or {}
        if port.get("name") and port.get("number"):
            yield field.invalid(path, "", "cannot set both port name & port number")
        elif port.get("name"):
            yield from checks.named(port["name"], f"{path}.service.port.name", names.is_port_name)
        elif port.get("number"):
            yield from checks.named(port["number"], f"{path}.service.port.number", names.is_port_number)
        else:
            yield field.required(path, "port name or number is required")


def _reference(reference: JsonObject, path: str) -> Errors:
    if reference.get("apiGroup") is not None:
        yield from checks.named(reference["apiGroup"], f"{path}.apiGroup", names.is_dns1123_subdomain)
    for part in ("kind", "name"):
        yield from checks.needed(reference, path, part, names.is_path_segment_name)


def ingress_class(obj: JsonObject) -> Errors:
    spec, path = obj["spec"], "spec.parameters"
    controller = spec.get("controller", "")
    if len(controller.encode()) > _CONTROLLER_MAX:
        yield field.too_long("spec.controller", _CONTROLLER_MAX)
    yield from domain_path(controller, "spec.controller")
    parameters = spec.get("parameters")
    if parameters is None:
        return
    yield from _reference(parameters, path)
    scope, namespace = parameters.get("scope") or "", parameters.get("namespace")
    yield from checks.one_of(scope, f"{path}.scope", ["Cluster", "Namespace"])
    if scope == "Namespace":
        if namespace is None:
            yield field.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
        else:
            yield from checks.named(namespace, f"{path}.namespace", names.is_dns1123_label)
    elif scope == "Cluster" and namespace is not None:
        yield field.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def ingress_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    controller = obj["spec"].get("controller", "")
    if controller != old["spec"].get("controller", ""):
        yield field.invalid("spec.controller", controller, checks.IMMUTABLE)
    yield from ingress_class(obj)
