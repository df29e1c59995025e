"""Field rules of services, and of what an update may change.

Source: upstream pkg/apis/core/validation/validation.go (validateService, ValidateServiceUpdate).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from kprov.kube.apiserver.registry.core.service import service_types
from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.endpoint_address import check_endpoint_ip
from kprov.kube.apiserver.registry.podspec.containers import PROTOCOLS
from kprov.kube.machinery import field, names, status
from kprov.kube.machinery.json_object import JsonObject

_TYPES: Final = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
_FAMILIES: Final = ["IPv4", "IPv6"]
_POLICIES: Final = ["PreferDualStack", "RequireDualStack", "SingleStack"]
_DISTRIBUTIONS: Final = ["PreferClose", "PreferSameZone", "PreferSameNode"]
_LOCAL: Final = ["Cluster", "Local"]
_CLIENT_IP_SECONDS_MAX: Final = 86400
_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_BALANCERS: Final = "may only be used when `type` is 'LoadBalancer'"
_KEPT: Final = "may not change once set"


def is_headless(spec: JsonObject) -> bool:
    return (spec.get("clusterIPs") or []) == ["None"]


def validate_service(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec, annotations = obj["spec"], obj["metadata"].get("annotations") or {}
    kind, ports = spec["type"], spec.get("ports") or []
    if _MODE in annotations and annotations.get(_HINTS, annotations[_MODE]) != annotations[_MODE]:
        text = f"must match annotations[{_HINTS}] when both are specified"
        yield field.invalid(f"metadata.annotations[{_MODE}]", annotations[_MODE], text)
    if not ports and not is_headless(spec) and kind != "ExternalName":
        yield field.required("spec.ports")
    if is_headless(spec) and kind in {"LoadBalancer", "NodePort"}:
        yield field.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        yield from _validate_external_name(spec)
    yield from _validate_each_port(ports)
    yield from checks.check_labels(spec.get("selector"), "spec.selector")
    yield from _validate_affinity(spec)
    if kind != "ExternalName":
        yield from validate_cluster_ips(spec, ((old or {}).get("spec") or {}).get("clusterIPs") or ())
    before = (old or {}).get("spec") or {}
    kept = frozenset(before.get("externalIPs") or ())
    for where, address in enumerate_items(spec.get("externalIPs"), "spec.externalIPs"):
        yield from list(addresses.check_ip_address(address, where, kept)) or check_endpoint_ip(address, where)
    yield from checks.check_enum(kind, "spec.type", _TYPES)
    yield from _validate_ports(ports, kind)
    yield from _validate_load_balancer_fields(obj, old or {})
    yield from _validate_traffic_policies(spec)


def _validate_external_name(spec: JsonObject) -> Errors:
    for part in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(part) or (part == "ipFamilyPolicy" and spec.get(part) is not None):
            yield field.forbidden(f"spec.{part}", "may not be set for ExternalName services")
    name = (spec.get("externalName") or "").removesuffix(".")
    if name:
        yield from checks.check_value(name, "spec.externalName", names.is_dns1123_subdomain)
    else:
        yield field.required("spec.externalName")


def _validate_each_port(ports: Sequence[JsonObject]) -> Errors:
    seen: set[str] = set()
    for path, port in enumerate_items(ports, "spec.ports"):
        name = port.get("name") or ""
        if name:
            yield from checks.check_value(name, f"{path}.name", names.is_dns1123_label)
            if name in seen:
                yield field.duplicate(f"{path}.name", name)
            seen.add(name)
        elif len(ports) > 1:
            yield field.required(f"{path}.name")
        yield from checks.check_value(port.get("port") or 0, f"{path}.port", names.is_port_number)
        yield from checks.check_required_enum(port.get("protocol"), f"{path}.protocol", PROTOCOLS)
        yield from checks.check_port_number_or_name(port["targetPort"], f"{path}.targetPort")
        if port.get("appProtocol") is not None:
            yield from checks.check_value(port["appProtocol"], f"{path}.appProtocol", names.is_qualified_name)


def _validate_ports(ports: Sequence[JsonObject], kind: str) -> Errors:
    for path, port in enumerate_items(ports, "spec.ports"):
        if kind == "ClusterIP" and port.get("nodePort"):
            yield field.forbidden(f"{path}.nodePort", "may not be used when `type` is 'ClusterIP'")
    for part in ("nodePort", "port"):
        seen: set[tuple[str, int]] = set()
        for path, port in enumerate_items(ports, "spec.ports"):
            number, protocol = port.get(part) or 0, port.get("protocol", "")
            if part == "nodePort" and not number:
                continue
            if (protocol, number) in seen:
                shown = (
                    (f"{path}.nodePort", number)
                    if part == "nodePort"
                    else (path, {"protocol": protocol, "port": number})
                )
                yield field.duplicate(*shown)
            seen.add((protocol, number))


def _validate_affinity(spec: JsonObject) -> Errors:
    kind, config, path = (
        spec.get("sessionAffinity"),
        spec.get("sessionAffinityConfig"),
        "spec.sessionAffinityConfig",
    )
    yield from checks.check_required_enum(kind, "spec.sessionAffinity", ["ClientIP", "None"])
    if kind == "None" and config is not None:
        yield field.forbidden(path, "must not be set when session affinity is None")
    elif kind == "ClientIP":
        seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
        text = f"must be greater than 0 and less than {_CLIENT_IP_SECONDS_MAX}"
        yield from checks.check_range(
            seconds, f"{path}.clientIP.timeoutSeconds", 1, _CLIENT_IP_SECONDS_MAX, text
        )


def validate_cluster_ips(spec: JsonObject, kept: Sequence[str] = ()) -> Errors:
    """Field rules of clusterIPs, ipFamilies and ipFamilyPolicy, of services that are no ExternalName.

    kept: the old addresses, which are not checked.
    """
    path = "spec.clusterIPs"
    cluster_ips, families = spec.get("clusterIPs") or [], spec.get("ipFamilies") or []
    yield from _validate_first_cluster_ip(spec.get("clusterIP") or "", cluster_ips, path)
    repeats = checks.find_repeats(families)
    for index, (where, family) in enumerate(enumerate_items(families, "spec.ipFamilies")):
        yield from checks.check_enum(family, where, _FAMILIES)
        if index in repeats:
            yield field.duplicate(where, family)
    yield from checks.check_enum(spec.get("ipFamilyPolicy"), "spec.ipFamilyPolicy", _POLICIES)
    wrong = list(_validate_each_cluster_ip(cluster_ips, path, kept))
    yield from wrong
    if len(cluster_ips) > 2:
        yield field.invalid(path, cluster_ips, "may only hold up to 2 values")
    if not wrong and not is_headless(spec):
        yield from _validate_matching_families(cluster_ips, families, path)


def _validate_first_cluster_ip(address: str, cluster_ips: Sequence[str], path: str) -> Errors:
    if address and not cluster_ips:
        yield field.required(path)
    elif address and cluster_ips[0] != address:
        yield field.invalid(path, cluster_ips, "first value must match `clusterIP`")
    elif cluster_ips and not address:
        yield field.invalid(path, cluster_ips, "must be empty when `clusterIP` is not specified")


def _validate_each_cluster_ip(cluster_ips: Sequence[str], path: str, kept: Sequence[str]) -> Errors:
    if cluster_ips[:1] == ["None"] and len(cluster_ips) > 1:
        yield field.invalid(path, cluster_ips, "'None' must be the first and only value")
    for index, (where, text) in enumerate(enumerate_items(cluster_ips, path)):
        if index or text != "None":
            yield from addresses.check_ip_address(text, where, kept)


def _validate_matching_families(cluster_ips: Sequence[str], families: Sequence[str], path: str) -> Errors:
    versions = [addresses.find_written_family(text) for text in cluster_ips]
    if len(versions) > 1 and len(set(versions)) < 2:
        yield field.invalid(path, cluster_ips, "may specify no more than one IP for each IP family")
    for index, (version, family) in enumerate(zip(versions, families, strict=False)):
        if version != family and family in _FAMILIES:
            text = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            yield field.invalid(f"{path}[{index}]", cluster_ips[index], text)


def _validate_load_balancer_fields(obj: JsonObject, old: JsonObject) -> Errors:
    """Field rules of fields of load balancers. As upstream, one path says LoadBalancerSourceRanges."""
    spec, annotations = obj["spec"], obj["metadata"].get("annotations") or {}
    before = (old.get("metadata") or {}).get("annotations") or {}
    is_balancer, path = spec["type"] == "LoadBalancer", "spec.LoadBalancerSourceRanges"
    if spec.get("loadBalancerSourceRanges"):
        if not is_balancer:
            yield field.forbidden(path, _ONLY_BALANCERS)
        had = (old.get("spec") or {}).get("loadBalancerSourceRanges") or ()
        kept = frozenset(text.strip() for text in had)
        for where, text in enumerate_items(spec["loadBalancerSourceRanges"], path):
            yield from addresses.check_cidr(text.strip(), where, kept)
    elif _RANGES in annotations:
        path = f"metadata.annotations[{_RANGES}]"
        if not is_balancer:
            yield field.forbidden(path, _ONLY_BALANCERS)
        value = annotations[_RANGES].strip()
        for text in value.split(",") if value and before.get(_RANGES) != annotations[_RANGES] else ():
            yield from addresses.check_cidr(text.strip(), path)
    if spec.get("allocateLoadBalancerNodePorts") is not None and not is_balancer:
        yield field.forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCERS)
    own, path = spec.get("loadBalancerClass"), "spec.loadBalancerClass"
    if own is not None and is_balancer:
        yield from checks.check_value(own, path, names.is_qualified_name)
    elif own is not None:
        yield field.forbidden(path, _ONLY_BALANCERS)


def _validate_traffic_policies(spec: JsonObject) -> Errors:
    policy = spec.get("externalTrafficPolicy") or ""
    if service_types.is_externally_accessible(spec):
        yield from checks.check_required_enum(policy, "spec.externalTrafficPolicy", _LOCAL)
    elif policy:
        text = "may only be set for externally-accessible services"
        yield field.invalid("spec.externalTrafficPolicy", policy, text)
    port, path = spec.get("healthCheckNodePort") or 0, "spec.healthCheckNodePort"
    if port and not service_types.needs_health_check_port(spec):
        text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield field.invalid(path, port, text)
    elif port:
        yield from checks.check_value(port, path, names.is_port_number)
    yield from checks.check_enum(spec.get("internalTrafficPolicy"), "spec.internalTrafficPolicy", _LOCAL)
    yield from checks.check_enum(spec.get("trafficDistribution"), "spec.trafficDistribution", _DISTRIBUTIONS)


def validate_service_update(obj: JsonObject, old: JsonObject) -> Errors:
    """Field rules of an update. Cluster IPs are immutable until the service becomes an ExternalName."""
    spec, before = obj["spec"], old["spec"]
    if "ExternalName" not in {spec["type"], before["type"]}:
        yield from _validate_unchanged_addresses(spec, before)
        yield from _validate_unchanged_families(spec, before)
    if before["type"] == spec["type"] == "LoadBalancer":
        wanted = spec.get("loadBalancerClass")
        if wanted != before.get("loadBalancerClass"):
            yield field.invalid("spec.loadBalancerClass", wanted, _KEPT)
    if spec["type"] == "LoadBalancer" and spec.get("loadBalancerClass") is not None:
        yield from checks.check_value(
            spec["loadBalancerClass"], "spec.loadBalancerClass", names.is_qualified_name
        )
    elif spec.get("loadBalancerClass") is not None:
        yield field.forbidden("spec.loadBalancerClass", _ONLY_BALANCERS)
    both = service_types.needs_health_check_port(spec) and service_types.needs_health_check_port(before)
    if both and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        yield field.forbidden("spec.healthCheckNodePort", checks.IMMUTABLE)
    yield from validate_service(obj, old)


def _validate_unchanged_addresses(spec: JsonObject, before: JsonObject) -> Errors:
    now, had, path = spec.get("clusterIPs") or [], before.get("clusterIPs") or [], "spec.clusterIPs"
    if is_headless(spec) and is_headless(before):
        return
    if len(now) == len(had):
        for index, (wanted, kept) in enumerate(zip(now, had, strict=True)):
            if wanted != kept:
                yield field.invalid(f"{path}[{index}]", now, _KEPT)
        return
    if had and not now:
        yield field.invalid(f"{path}[0]", None, "primary clusterIP can not be unset")
    elif had and now[0] != had[0]:
        yield field.invalid(f"{path}[0]", now, _KEPT)
    if len(had) > len(now) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        text = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        yield field.invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), text)


def _validate_unchanged_families(spec: JsonObject, before: JsonObject) -> Errors:
    now, had, path = spec.get("ipFamilies") or [], before.get("ipFamilies") or [], "spec.ipFamilies[0]"
    if is_headless(spec) or is_headless(before):
        return
    if len(now) == len(had):
        for wanted, kept in zip(now, had, strict=True):
            if wanted != kept:
                yield field.invalid(path, now, _KEPT)
        return
    if len(had) > len(now) and not spec.get("clusterIPs"):
        yield field.invalid(path, now, "primary ipFamily can not be unset")
    if had and now and now[0] != had[0]:
        yield field.invalid(path, spec.get("clusterIPs"), _KEPT)
    if len(had) > len(now) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        text = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield field.invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), text)


def find_service_warnings(obj: JsonObject) -> list[str]:
    return list(_find_warnings(obj["spec"], obj["metadata"].get("annotations") or {}))


def _find_external_ip_warnings(external: Sequence[str], *, is_used: bool) -> Iterator[str]:
    for where, text in enumerate_items(external, "spec.externalIPs"):
        yield from addresses.find_ip_warnings(text, where)
    if external and is_used:
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"


def _find_headless_warnings(spec: JsonObject) -> Iterator[str]:
    if spec.get("loadBalancerIP"):
        yield "spec.loadBalancerIP is ignored for headless services"
    if spec.get("externalIPs"):
        yield "spec.externalIPs is ignored for headless services"
    if spec.get("sessionAffinity") != "None":
        yield "spec.SessionAffinity is ignored for headless services"


def _find_warnings(spec: JsonObject, annotations: JsonObject) -> Iterator[str]:
    kind, external = spec["type"], spec.get("externalIPs") or []
    headless = kind == "ClusterIP" and spec.get("clusterIP") == "None"
    if _HINTS in annotations:
        yield f"annotation {_HINTS} is deprecated, please use {_MODE} instead"
    for where, text in enumerate_items(spec.get("clusterIPs"), "spec.clusterIPs"):
        yield from addresses.find_ip_warnings(text, where)
    if headless:
        yield from _find_headless_warnings(spec)
    yield from _find_external_ip_warnings(external, is_used=not headless and kind != "ExternalName")
    yield from addresses.find_ip_warnings(spec.get("loadBalancerIP") or "", "spec.loadBalancerIP")
    for where, text in enumerate_items(spec.get("loadBalancerSourceRanges"), "spec.loadBalancerSourceRanges"):
        yield from addresses.find_cidr_warnings(text, where)
    if kind == "ExternalName":
        if external:
            yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    elif spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        old, new = status.quoted("PreferClose"), status.quoted("PreferSameZone")
        yield f"spec.trafficDistribution: {old} is deprecated; use {new}"
