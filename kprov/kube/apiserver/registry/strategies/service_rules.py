"""What services must look like, and what of them may change.

Source: upstream pkg/apis/core/validation/validation.go (validateService, ValidateServiceUpdate).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.checks import labels, port_number_or_name
from kprov.kube.apiserver.registry.strategies import service_defaults as defaults
from kprov.kube.apiserver.registry.strategies.container_rules import PROTOCOLS
from kprov.kube.apiserver.registry.strategies.group_rules import endpoint_address, immutable
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError

Object = dict[str, Any]

_TYPES: Final = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
_FAMILIES: Final = ["IPv4", "IPv6"]
_POLICIES: Final = ["PreferDualStack", "RequireDualStack", "SingleStack"]
_CLIENT_IP_SECONDS_MAX: Final = 86400
_IP_TEXT: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def service(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    kind, ports = spec["type"], spec.get("ports") or []
    headless = spec.get("clusterIP") == "None"
    errors: list[FieldError] = []
    if not ports and not headless and kind != "ExternalName":
        errors.append(field.required("spec.ports"))
    if headless and kind in {"LoadBalancer", "NodePort"}:
        text = f"may not be set to 'None' for {kind} services"
        errors.append(field.invalid("spec.clusterIPs[0]", "None", text))
    if kind == "ExternalName":
        errors += _external_name(spec)
    errors += _ports(ports, kind)
    errors += labels(spec.get("selector") or {}, "spec.selector")
    if spec["sessionAffinity"] not in {"ClientIP", "None"}:
        supported = ["ClientIP", "None"]
        errors.append(field.not_supported("spec.sessionAffinity", spec["sessionAffinity"], supported))
    elif spec["sessionAffinity"] == "ClientIP":
        seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
        if not 0 < seconds <= _CLIENT_IP_SECONDS_MAX:
            path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
            text = f"must be greater than 0 and less than {_CLIENT_IP_SECONDS_MAX}"
            errors.append(field.invalid(path, seconds, text))
    if kind != "ExternalName":
        errors += _cluster_ips(spec)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        errors += endpoint_address(f"spec.externalIPs[{index}]", address)
    if kind not in _TYPES:
        errors.append(field.not_supported("spec.type", kind, _TYPES))
    return errors + _traffic(spec)


def _external_name(spec: Object) -> list[FieldError]:
    text = "may not be set for ExternalName services"
    errors = [
        field.forbidden(f"spec.{name}", text)
        for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
        if spec.get(name)
    ]
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        return [*errors, field.required("spec.externalName")]
    return errors + [
        field.invalid("spec.externalName", name, problem) for problem in names.is_dns1123_subdomain(name)
    ]


def _ports(ports: Sequence[Object], kind: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen_names: set[str] = set()
    seen_ports: set[tuple[str, int]] = set()
    seen_node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        name, number, protocol = port.get("name", ""), port.get("port", 0), port["protocol"]
        if name:
            errors += [field.invalid(f"{path}.name", name, text) for text in names.is_dns1123_label(name)]
            if name in seen_names:
                errors.append(field.duplicate(f"{path}.name", name))
            seen_names.add(name)
        elif len(ports) > 1:
            errors.append(field.required(f"{path}.name"))
        errors += [field.invalid(f"{path}.port", number, text) for text in names.is_port_number(number)]
        if protocol not in PROTOCOLS:
            errors.append(field.not_supported(f"{path}.protocol", protocol, PROTOCOLS))
        errors += port_number_or_name(port["targetPort"], f"{path}.targetPort")
        if port.get("nodePort"):
            if kind == "ClusterIP":
                text = "may not be used when `type` is 'ClusterIP'"
                errors.append(field.forbidden(f"{path}.nodePort", text))
            if (protocol, port["nodePort"]) in seen_node_ports:
                errors.append(field.duplicate(f"{path}.nodePort", port["nodePort"]))
            seen_node_ports.add((protocol, port["nodePort"]))
        if (protocol, number) in seen_ports:
            errors.append(field.duplicate(path, {"port": number, "protocol": protocol}))
        seen_ports.add((protocol, number))
    return errors


def _cluster_ips(spec: Object) -> list[FieldError]:
    path = "spec.clusterIPs"
    address, addresses = spec.get("clusterIP", ""), spec.get("clusterIPs") or []
    families = spec.get("ipFamilies") or []
    errors: list[FieldError] = []
    if address and not addresses:
        errors.append(field.required(path))
    elif address and addresses[0] != address:
        errors.append(field.invalid(path, addresses, "first value must match `clusterIP`"))
    elif addresses and not address:
        errors.append(field.invalid(path, addresses, "must be empty when `clusterIP` is not specified"))
    for index, family in enumerate(families):
        if family not in _FAMILIES:
            errors.append(field.not_supported(f"spec.ipFamilies[{index}]", family, _FAMILIES))
        if family in families[:index]:
            errors.append(field.duplicate(f"spec.ipFamilies[{index}]", family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        errors.append(field.not_supported("spec.ipFamilyPolicy", policy, _POLICIES))
    if addresses[:1] == ["None"]:
        if len(addresses) > 1:
            errors.append(field.invalid(path, addresses, "'None' must be the first and only value"))
        return errors
    if len(addresses) > 2:
        errors.append(field.invalid(path, addresses, "may only hold up to 2 values"))
    versions: list[str] = []
    for index, text in enumerate(addresses):
        try:
            versions.append(f"IPv{ipaddress.ip_address(text).version}")
        except ValueError:
            return [*errors, field.invalid(f"{path}[{index}]", text, _IP_TEXT)]
    if len(versions) > 1 and len(set(versions)) < 2:
        text = "may specify no more than one IP for each IP family"
        errors.append(field.invalid(path, addresses, text))
    for index, (version, family) in enumerate(zip(versions, families, strict=False)):
        if version != family and family in _FAMILIES:
            text = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            errors.append(field.invalid(f"{path}[{index}]", addresses[index], text))
    return errors


def _traffic(spec: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    policy = spec.get("externalTrafficPolicy", "")
    if not defaults.is_externally_accessible(spec):
        if policy:
            text = "may only be set for externally-accessible services"
            errors.append(field.invalid("spec.externalTrafficPolicy", policy, text))
    elif policy not in {"Cluster", "Local"}:
        errors.append(field.not_supported("spec.externalTrafficPolicy", policy, ["Cluster", "Local"]))
    port = spec.get("healthCheckNodePort", 0)
    if port and not defaults.needs_health_check_port(spec):
        text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(field.invalid("spec.healthCheckNodePort", port, text))
    inside = spec.get("internalTrafficPolicy")
    if inside is not None and inside not in {"Cluster", "Local"}:
        errors.append(field.not_supported("spec.internalTrafficPolicy", inside, ["Cluster", "Local"]))
    if spec["type"] != "LoadBalancer":
        text = "may only be used when `type` is 'LoadBalancer'"
        errors += [
            field.forbidden(f"spec.{name}", text)
            for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass", "loadBalancerSourceRanges")
            if spec.get(name) is not None
        ]
    return errors


def service_update(obj: Object, old: Object) -> list[FieldError]:
    """Addresses stay once they are given, until the service becomes an ExternalName."""
    spec, before = obj["spec"], old["spec"]
    if "ExternalName" in {spec["type"], before["type"]}:
        return []
    path = "spec.clusterIPs"
    now, had = spec.get("clusterIPs") or [], before.get("clusterIPs") or []
    errors: list[FieldError] = []
    if spec.get("clusterIP") == "None" and before.get("clusterIP") == "None":
        return []
    if had and not now:
        errors.append(field.invalid(f"{path}[0]", now, "primary clusterIP can not be unset"))
    for index, (wanted, kept) in enumerate(zip(now, had, strict=False)):
        if wanted != kept:
            errors.append(field.invalid(f"{path}[{index}]", now, "may not change once set"))
    if len(had) > len(now) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        text = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        errors.append(field.invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), text))
    families, families_before = spec.get("ipFamilies") or [], before.get("ipFamilies") or []
    if families and families_before and families[0] != families_before[0]:
        text = "may not change once set"
        errors.append(field.invalid("spec.ipFamilies[0]", families, text))
    if before["type"] == spec["type"] == "LoadBalancer":
        wanted, kept = spec.get("loadBalancerClass"), before.get("loadBalancerClass")
        if wanted != kept:
            errors.append(immutable("spec.loadBalancerClass", wanted))
    return errors
