"""Service CIDRs.

Source: upstream pkg/registry/networking/servicecidr/strategy.go,
pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    METADATA_AND_SPEC_PATHS,
    ResourceStrategy,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class ServiceCidrStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}
    fixed_in_status_update = ALL_METADATA

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_service_cidr(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_service_cidr_update(obj, old))


def validate_service_cidr(obj: JsonObject) -> Errors:
    ranges = (obj.get("spec") or {}).get("cidrs") or []
    if not ranges:
        yield field.required("spec.cidrs", "at least one CIDR required")
        return
    if len(ranges) > 2:
        yield field.invalid("spec.cidrs", ranges, "may only hold up to 2 values")
        return
    for where, text in enumerate_items(ranges, "spec.cidrs"):
        yield from _validate_canonical_cidr(text, where)
    networks = [addresses.parse_network(text) for text in ranges]
    if len({network and network.version for network in networks}) < len(ranges) and all(networks):
        text = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        yield field.invalid("spec.cidrs", ranges, text)


def _validate_canonical_cidr(text: str, path: str) -> Errors:
    wrong = list(addresses.check_cidr(text, path))
    yield from wrong
    if not wrong:
        network = ipaddress.ip_network(text, strict=False)
        if str(network) != text:
            shown = f'must be in canonical form ("{network}")'
            yield field.invalid(path, text, shown)


def validate_service_cidr_update(obj: JsonObject, old: JsonObject) -> Errors:
    new, had = ((service_cidr.get("spec") or {}).get("cidrs") or [] for service_cidr in (obj, old))
    if len(new) == len(had):
        yield from _validate_same_ranges(new, had)
    elif (len(had), len(new)) == (1, 2):
        # An update may add the second family.
        yield from _validate_same_ranges(new, had)
        yield from validate_service_cidr(obj)
    else:
        yield field.invalid("spec.cidrs", (obj.get("spec") or {}).get("cidrs"), checks.IMMUTABLE)


def _validate_same_ranges(new: list[str], had: list[str]) -> Errors:
    for index, (text, before) in enumerate(zip(new, had, strict=False)):
        if text != before:
            yield field.invalid(f"spec.cidrs[{index}]", text, checks.IMMUTABLE)
