"""Runtime classes, service CIDRs and IP addresses.

Source: upstream pkg/apis/node/validation/validation.go, pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

import ipaddress

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each
from kprov.kube.apiserver.registry.podspec.resources import container_resources
from kprov.kube.apiserver.registry.podspec.scheduling import tolerations
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject


def runtime_class(obj: JsonObject) -> Errors:
    yield from checks.needed(obj, "", "handler", names.is_dns1123_label)
    overhead = (obj.get("overhead") or {}).get("podFixed")
    if overhead:
        yield from container_resources({"limits": overhead}, (), "overhead")
    scheduling = obj.get("scheduling") or {}
    yield from checks.labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    yield from tolerations(scheduling.get("tolerations"), "scheduling.tolerations")
    seen: list[JsonObject] = []
    for where, toleration in each(scheduling.get("tolerations"), "scheduling.tolerations"):
        parts = ("key", "operator", "value", "effect")
        known = {part: toleration.get(part, "") for part in parts}
        if known in seen:
            shown = known | {"tolerationSeconds": toleration.get("tolerationSeconds")}
            yield field.duplicate(where, shown)
        seen.append(known)


def runtime_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from runtime_class(obj)
    yield from checks.immutable(obj, old, "", "handler")


def service_cidr(obj: JsonObject) -> Errors:
    ranges = (obj.get("spec") or {}).get("cidrs") or []
    if not ranges:
        yield field.required("spec.cidrs", "at least one CIDR required")
        return
    if len(ranges) > 2:
        yield field.invalid("spec.cidrs", ranges, "may only hold up to 2 values")
        return
    for where, text in each(ranges, "spec.cidrs"):
        yield from _strict_cidr(text, where)
    networks = [addresses.network(text) for text in ranges]
    if len({network and network.version for network in networks}) < len(ranges) and all(networks):
        text = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        yield field.invalid("spec.cidrs", ranges, text)


def _strict_cidr(text: str, path: str) -> Errors:
    wrong = list(addresses.cidr(text, path))
    yield from wrong
    if not wrong:
        network = ipaddress.ip_network(text, strict=False)
        if str(network) != text:
            shown = f'must be in canonical form ("{network}")'
            yield field.invalid(path, text, shown)


def service_cidr_update(obj: JsonObject, old: JsonObject) -> Errors:
    new, had = ((each.get("spec") or {}).get("cidrs") or [] for each in (obj, old))
    if len(new) == len(had):
        yield from _same_ranges(new, had)
    elif (len(had), len(new)) == (1, 2):
        # The second family may come later.
        yield from _same_ranges(new, had)
        yield from service_cidr(obj)
    else:
        yield field.invalid("spec.cidrs", (obj.get("spec") or {}).get("cidrs"), checks.IMMUTABLE)


def _same_ranges(new: list[str], had: list[str]) -> Errors:
    for index, (text, before) in enumerate(zip(new, had, strict=False)):
        if text != before:
            yield field.invalid(f"spec.cidrs[{index}]", text, checks.IMMUTABLE)


def ip_address(obj: JsonObject) -> Errors:
    name = obj["metadata"].get("name", "")
    parent = (obj.get("spec") or {}).get("parentRef")
    if name:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            yield field.invalid("metadata.name", name, text)
        else:
            if str(address) != name:
                text = f'must be in canonical form ("{address}")'
                yield field.invalid("metadata.name", name, text)
    if parent is None:
        yield field.required("spec.parentRef")
        return
    if parent.get("group"):
        yield from checks.named(parent["group"], "spec.parentRef.group", names.is_dns1123_subdomain)
    yield from checks.needed(parent, "spec.parentRef", "resource", names.is_path_segment_name)
    yield from checks.needed(parent, "spec.parentRef", "name", names.is_path_segment_name)
    yield from checks.given(parent, "spec.parentRef", "namespace", names.is_path_segment_name)
