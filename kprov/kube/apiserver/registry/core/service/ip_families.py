"""IP families of services, from the request and the families of the cluster.

Source: upstream pkg/registry/core/service/storage/alloc.go (initIPFamilyFields).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from kprov.kube.apiserver.registry.core.service import validation as service_validation
from kprov.kube.apiserver.registry.core.service.service_types import needs_cluster_ip
from kprov.kube.apiserver.registry.generic.addresses import find_written_family
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_SINGLE, _PREFER, _REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
_POLICY: Final = "spec.ipFamilyPolicy"
_OTHER: Final = {"IPv4": "IPv6", "IPv6": "IPv4"}


def keeps_preferred_families(spec: JsonObject, old: JsonObject | None) -> bool:
    """Whether an update keeps the families of a service with PreferDualStack."""
    if old is None or spec.get("ipFamilyPolicy") != _PREFER or old["type"] != spec["type"]:
        return False
    if spec["type"] not in {"ClusterIP", "NodePort", "LoadBalancer"}:
        return False
    if old.get("ipFamilyPolicy", _PREFER) != _PREFER:
        return False
    return not _is_changed(spec, old, "clusterIPs") and not _is_changed(spec, old, "ipFamilies")


def fill_ip_families(
    spec: JsonObject, old: JsonObject | None, known: Collection[str], default: str
) -> list[FieldError]:
    """Set ipFamilyPolicy and ipFamilies. Returns the errors of those that the spec has.

    `old`: the spec before, None for a new service. `known`: the families of the cluster.
    """
    if not needs_cluster_ip(spec) or keeps_preferred_families(spec, old):
        return []
    unselected_headless = spec.get("clusterIP") == "None" and not spec.get("selector")
    if spec.get("ipFamilyPolicy") is None:
        before = (old or {}).get("ipFamilyPolicy")
        spec["ipFamilyPolicy"] = before or (_REQUIRE if unselected_headless else _SINGLE)
    errors = list(service_validation.validate_cluster_ips(spec, (old or {}).get("clusterIPs") or ()))
    if not errors:
        errors = [
            *_release_second_family(spec, old),
            *_validate_count(spec),
            *_fill_from_addresses(spec, known),
        ]
    if errors:
        return errors
    families: list[str] = spec.setdefault("ipFamilies", [])
    if not unselected_headless:
        errors = list(_validate_known_families(spec, known))
        if errors:
            return errors
    if not families:
        families.append(default)
    wants_two = spec["ipFamilyPolicy"] != _SINGLE and len(families) == 1
    if wants_two and (unselected_headless or len(known) > 1):
        families.append(_OTHER[families[0]])
    return []


def _is_changed(spec: JsonObject, old: JsonObject, part: str) -> bool:
    return (spec.get(part) or []) != (old.get(part) or [])


def _release_second_family(spec: JsonObject, old: JsonObject | None) -> list[FieldError]:
    """Remove the second address and family if the policy becomes SingleStack."""
    if old is None:
        return []
    if spec["ipFamilyPolicy"] == _SINGLE:
        for part in ("clusterIPs", "ipFamilies"):
            if not _is_changed(spec, old, part) and spec.get(part):
                spec[part] = spec[part][:1]
        return []
    return [
        field.invalid(
            _POLICY, spec["ipFamilyPolicy"], f"must be 'SingleStack' to release the secondary {what}"
        )
        for part, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family"))
        if 0 < len(spec.get(part) or ()) < len(old.get(part) or ())
    ]


def _validate_count(spec: JsonObject) -> list[FieldError]:
    if spec["ipFamilyPolicy"] != _SINGLE:
        return []
    text = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
    return [
        field.invalid(_POLICY, _SINGLE, text.format(what))
        for part, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families"))
        if len(spec.get(part) or ()) == 2
    ]


def _fill_from_addresses(spec: JsonObject, known: Collection[str]) -> list[FieldError]:
    """Add the families of requested addresses."""
    addresses: list[str] = spec.get("clusterIPs") or []
    families: list[str] = spec.setdefault("ipFamilies", [])
    errors = []
    for index, address in enumerate(addresses):
        if address == "None":
            break
        family = find_written_family(address)
        if index < len(families):
            continue
        if family in known:
            families.append(family)
        else:
            text = f"{family} is not configured on this cluster"
            errors.append(field.invalid(f"spec.clusterIPs[{index}]", addresses, text))
    return errors


def _validate_known_families(spec: JsonObject, known: Collection[str]) -> list[FieldError]:
    errors = []
    if spec["ipFamilyPolicy"] == _REQUIRE and len(known) < 2:
        text = "this cluster is not configured for dual-stack services"
        errors.append(field.invalid(_POLICY, _REQUIRE, text))
    return errors + [
        field.invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")
        for index, family in enumerate(spec["ipFamilies"])
        if family not in known
    ]
