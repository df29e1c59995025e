"""Network policies.

Source: upstream pkg/registry/networking/networkpolicy/strategy.go,
pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_TYPES: Final = ["Ingress", "Egress"]


class NetworkPolicyStrategy(ResourceStrategy):
    has_generation = True

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        set_default(spec, "podSelector", {})
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
            for port in rule.get("ports") or ():
                set_default(port, "protocol", "TCP")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_network_policy(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_network_policy(obj, old))

    def find_missing_feature(self, obj: JsonObject) -> str:
        return "network policies"

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(find_network_policy_warnings(obj))


@dataclass(frozen=True, slots=True)
class _OldValues:
    """Values of the old object that an update may keep although they are invalid."""

    cidrs: Collection[str]
    any_values: bool


def _list_ip_blocks(obj: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """(path, ipBlock) of all peers."""
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for where, rule in enumerate_items(obj["spec"].get(kind), f"spec.{kind}"):
            for place, peer in enumerate_items(rule.get(peers), f"{where}.{peers}"):
                if peer.get("ipBlock") is not None:
                    yield f"{place}.ipBlock", peer["ipBlock"]


def _collect_cidrs(obj: JsonObject) -> set[str]:
    """All CIDRs of a policy."""
    return {
        text
        for _, block in _list_ip_blocks(obj)
        for text in (block.get("cidr", ""), *(block.get("except") or ()))
    }


def find_network_policy_warnings(obj: JsonObject) -> Iterator[str]:
    for path, block in _list_ip_blocks(obj):
        yield from addresses.find_cidr_warnings(block.get("cidr", ""), f"{path}.cidr")
        for where, text in enumerate_items(block.get("except"), f"{path}.except"):
            yield from addresses.find_cidr_warnings(text, where)


def validate_network_policy(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """Field rules of a network policy. Invalid CIDRs and selector values that `old` has are accepted."""
    spec, before = obj["spec"], (old or {}).get("spec") or {}
    kept = _OldValues(
        _collect_cidrs(old) if old else (), any_values=checks.is_invalid_selector(before.get("podSelector"))
    )
    selector = spec.get("podSelector") or {}
    yield from checks.check_label_selector(selector, "spec.podSelector", any_values=kept.any_values)
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for where, rule in enumerate_items(spec.get(kind), f"spec.{kind}"):
            for place, port in enumerate_items(rule.get("ports"), f"{where}.ports"):
                yield from _validate_policy_port(port, place)
            for place, peer in enumerate_items(rule.get(peers), f"{where}.{peers}"):
                yield from _validate_peer(peer, place, kept)
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        yield field.invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for where, kind in enumerate_items(types, "spec.policyTypes"):
        yield from checks.check_enum(kind, where, _TYPES)


def _validate_policy_port(port: JsonObject, path: str) -> Errors:
    number, end = port.get("port"), port.get("endPort")
    yield from checks.check_enum(port.get("protocol"), f"{path}.protocol", ["TCP", "UDP", "SCTP"])
    if number is None:
        if end is not None:
            text = "may not be specified when `port` is not specified"
            yield field.invalid(f"{path}.endPort", end, text)
    elif isinstance(number, str):
        if end is not None:
            text = "may not be specified when `port` is non-numeric"
            yield field.invalid(f"{path}.endPort", end, text)
        yield from checks.check_value(number, f"{path}.port", names.is_port_name)
    else:
        yield from checks.check_value(number, f"{path}.port", names.is_port_number)
        if end is not None:
            if end < number:
                yield field.invalid(f"{path}.endPort", number, "must be greater than or equal to `port`")
            yield from checks.check_value(end, f"{path}.endPort", names.is_port_number)


def _validate_peer(peer: JsonObject, path: str, kept: _OldValues) -> Errors:
    parts = [part for part in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(part) is not None]
    for part in parts:
        if part == "ipBlock":
            yield from _validate_block(peer[part], f"{path}.ipBlock", kept.cidrs)
        else:
            yield from checks.check_label_selector(peer[part], f"{path}.{part}", any_values=kept.any_values)
    if not parts:
        yield field.required(path, "must specify a peer")
    elif len(parts) > 1 and "ipBlock" in parts:
        yield field.forbidden(path, "may not specify both ipBlock and another peer")


def _validate_block(block: JsonObject, path: str, kept: Collection[str]) -> Errors:
    whole = block.get("cidr", "")
    if not whole:
        yield field.required(f"{path}.cidr")
        return
    yield from addresses.check_cidr(whole, f"{path}.cidr", kept)
    outer = addresses.parse_network(whole)
    if outer is None:
        return
    for where, text in enumerate_items(block.get("except"), f"{path}.except"):
        yield from addresses.check_cidr(text, where, kept)
        inner: Any = addresses.parse_network(text)
        if inner is None:
            continue
        if inner.version != outer.version or not inner.subnet_of(outer) or inner == outer:
            yield field.invalid(where, text, "must be a strict subset of `cidr`")
