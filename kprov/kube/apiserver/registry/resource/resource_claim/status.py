"""The status of resource claims: allocation, consumers and devices.

Source: upstream pkg/apis/resource/validation/validation.go (validateResourceClaimStatusUpdate),
pkg/registry/resource/resourceclaim/strategy.go (dropDeallocatedStatusDevices).
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_immutable,
    check_required_enum,
    require_fields,
)
from kprov.kube.apiserver.registry.generic.conditions import validate_conditions
from kprov.kube.apiserver.registry.podspec import scheduling
from kprov.kube.apiserver.registry.podspec.volumes import check_csi_driver_name
from kprov.kube.apiserver.registry.resource.binding_conditions import validate_binding_conditions
from kprov.kube.apiserver.registry.resource.claim_spec import (
    Requests,
    collect_request_names,
    validate_request_reference,
    validate_request_references,
)
from kprov.kube.apiserver.registry.resource.device_lists import check_distinct_list, check_limited_list
from kprov.kube.apiserver.registry.resource.device_names import check_label, check_pool_name, check_uid
from kprov.kube.apiserver.registry.resource.device_parameters import (
    CONFIG_MAX,
    check_raw_object,
    validate_configuration,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.field import Verbatim
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.json_object import JsonObject

#: Driver, pool, device, and the share ID of a shared device.
DeviceId = tuple[str, str, str, str]
_RESERVED_MAX: Final = 256
_RESULTS_MAX: Final = 32
_CONDITIONS_MAX: Final = 8
_INTERFACE_MAX: Final = 256
_HARDWARE_MAX: Final = 128
_ADDRESSES_MAX: Final = 16
_NOT_AN_ADDRESS: Final = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"
_ZEROS: Final = re.compile(r"(?<![0-9A-Fa-f:])0+(?=[0-9])")


def validate_claim_status(obj: JsonObject, old: JsonObject) -> Errors:
    new, before, path = obj.get("status") or {}, old.get("status") or {}, "status"
    reserved, allocation = new.get("reservedFor") or [], new.get("allocation")
    yield from check_distinct_list(
        reserved,
        f"{path}.reservedFor",
        _RESERVED_MAX,
        _validate_consumer,
        lambda consumer: consumer.get("uid", ""),
    )
    allocated = set() if allocation is None else _collect_allocated_devices(allocation)

    def device(device_status: JsonObject, where: str) -> Errors:
        yield from _validate_device(
            device_status, where, is_allocated=read_device_id(device_status) in allocated
        )

    yield from check_distinct_list(
        new.get("devices"),
        f"{path}.devices",
        None,
        device,
        lambda device_status: _format_device_id(read_device_id(device_status)),
    )
    if reserved and allocation is None:
        text = "may not be specified when `allocated` is not set"
        yield field.forbidden(f"{path}.reservedFor", text)
    elif reserved and "deletionTimestamp" in obj["metadata"]:
        known = before.get("reservedFor") or []
        if any(consumer not in known for consumer in reserved):
            text = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
            yield field.forbidden(f"{path}.reservedFor", text)
    if allocation is not None and before.get("allocation") is not None:
        yield from check_immutable(new, before, path, "allocation")
    elif allocation is not None:
        yield from _validate_allocation(allocation, f"{path}.allocation", collect_request_names(obj["spec"]))


def read_device_id(device: JsonObject) -> DeviceId:
    """Return the identity of a device in an allocation result or in status.devices."""
    driver, pool, name = (device.get(part, "") for part in ("driver", "pool", "device"))
    return driver, pool, name, device.get("shareID") or ""


def _collect_allocated_devices(allocation: JsonObject | None) -> set[DeviceId]:
    results = ((allocation or {}).get("devices") or {}).get("results") or ()
    return {read_device_id(result) for result in results}


def drop_deallocated_devices(obj: JsonObject, old: JsonObject) -> None:
    """Drop the status of devices that are no longer allocated."""
    status, before = obj.get("status") or {}, old.get("status") or {}
    gone = _collect_allocated_devices(before.get("allocation")) - _collect_allocated_devices(
        status.get("allocation")
    )
    if not gone or not status.get("devices"):
        return
    kept = [device for device in status["devices"] if read_device_id(device) not in gone]
    if kept:
        status["devices"] = kept
    else:
        del status["devices"]


def _format_device_id(device: DeviceId) -> Verbatim:
    named = dict(zip(("Driver", "Pool", "Device", "ShareID"), device, strict=True))
    return Verbatim(json.dumps(named, separators=(",", ":"), ensure_ascii=False))


def _validate_consumer(reference: JsonObject, path: str) -> Errors:
    yield from require_fields(reference, path, "resource", "name", "uid")


def _validate_allocation(allocation: JsonObject, path: str, known: Requests) -> Errors:
    devices, where = allocation.get("devices") or {}, f"{path}.devices"

    def result(allocation_result: JsonObject, place: str) -> Errors:
        yield from validate_request_reference(allocation_result.get("request", ""), f"{place}.request", known)
        yield from _validate_device_name(allocation_result, place)
        yield from validate_binding_conditions(allocation_result, place)
        if allocation_result.get("shareID") is not None:
            yield from check_uid(allocation_result["shareID"], f"{place}.shareID")

    def config(configuration: JsonObject, place: str) -> Errors:
        sources = ["FromClaim", "FromClass"]
        yield from check_required_enum(configuration.get("source"), f"{place}.source", sources)
        yield from validate_request_references(configuration, place, known)
        yield from validate_configuration(configuration, place)

    yield from check_limited_list(devices.get("results"), f"{where}.results", _RESULTS_MAX, result)
    # From the class and from the claim.
    yield from check_limited_list(devices.get("config"), f"{where}.config", 2 * CONFIG_MAX, config)
    if allocation.get("nodeSelector") is not None:
        yield from scheduling.validate_node_selector(allocation["nodeSelector"], f"{path}.nodeSelector")


def _validate_device_name(device: JsonObject, path: str) -> Errors:
    yield from check_csi_driver_name(device.get("driver", ""), f"{path}.driver")
    yield from check_pool_name(device.get("pool", ""), f"{path}.pool")
    yield from check_label(device.get("device", ""), f"{path}.device")


def _validate_device(device: JsonObject, path: str, *, is_allocated: bool) -> Errors:
    yield from _validate_device_name(device, path)
    if device.get("shareID") is not None:
        yield from check_uid(device["shareID"], f"{path}.shareID")
    if not is_allocated:
        yield field.invalid(
            path, _format_device_id(read_device_id(device)), "must be an allocated device in the claim"
        )
    conditions = device.get("conditions") or []
    if len(conditions) > _CONDITIONS_MAX:
        yield field.too_many(f"{path}.conditions", len(conditions), _CONDITIONS_MAX)
    yield from validate_conditions(conditions, f"{path}.conditions")
    if device.get("data") is not None:
        yield from check_raw_object(device["data"], f"{path}.data")
    network, where = device.get("networkData") or {}, f"{path}.networkData"
    for part, limit in (("interfaceName", _INTERFACE_MAX), ("hardwareAddress", _HARDWARE_MAX)):
        if len(network.get(part, "").encode()) > limit:
            yield field.too_long(f"{where}.{part}", limit)
    yield from check_distinct_list(
        network.get("ips"), f"{where}.ips", _ADDRESSES_MAX, _validate_interface_address
    )


def _validate_interface_address(text: str, path: str) -> Errors:
    """Check an address with a prefix length, in canonical form."""
    head, slash, length = text.partition("/")
    try:
        address = ipaddress.ip_address(_ZEROS.sub("", head) if ":" not in head else head)
    except ValueError:
        yield field.invalid(path, text, _NOT_AN_ADDRESS)
        return
    digits = length.isascii() and length.isdecimal()
    if not slash or "%" in head or not digits or parse_clamped(length) > address.max_prefixlen:
        yield field.invalid(path, text, _NOT_AN_ADDRESS)
        return
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    size = parse_clamped(length) - 96 if mapped and parse_clamped(length) > 32 else parse_clamped(length)
    canonical = f"{mapped or address}/{size}"
    if text != canonical:
        yield field.invalid(path, text, f"must be in canonical form ({field.format_value(canonical)})")
