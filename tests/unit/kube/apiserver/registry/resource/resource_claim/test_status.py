"""The status of a device claim: what may be written to it, as upstream 1.36 says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, find

SHARE = "11111111-2222-3333-4444-555555555555"
RESULT = {"request": "r", "driver": "e.x", "pool": "p/q", "device": "d"}
ALLOCATION = {"devices": {"results": [RESULT]}}
CONSUMER = {"resource": "pods", "name": "p", "uid": "u"}
DEVICE = {"driver": "e.x", "pool": "p/q", "device": "d"}
SHOWN = '{"Driver":"e.x","Pool":"p/q","Device":"d","ShareID":""}'


def resource() -> Resource:
    found = find("resource.k8s.io", "v1", "resourceclaims")
    assert found is not None
    return found


def claim(status: JsonObject, **metadata: Any) -> JsonObject:
    spec = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}}
    return {"metadata": {"name": "a", **metadata}, "spec": spec, "status": copy.deepcopy(status)}


def causes(status: JsonObject, before: JsonObject | None = None, **metadata: Any) -> list[str]:
    old, new = claim(before or {}, **metadata), claim(status, **metadata)
    found = find_strategy(resource()).validate_status_update(new, old)
    return [f"{each.field}: {each.message}" for each in found]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {"reservedFor": [CONSUMER]},
            ["reservedFor: Forbidden: may not be specified when `allocated` is not set"],
        ),
        ({"allocation": ALLOCATION, "reservedFor": [CONSUMER], "devices": [DEVICE]}, []),
        (
            {
                "allocation": ALLOCATION,
                "reservedFor": [CONSUMER, {"resource": "x", "name": "y", "uid": "u"}, {}],
            },
            [
                "reservedFor[2].resource: Required value",
                "reservedFor[2].name: Required value",
                "reservedFor[2].uid: Required value",
                'reservedFor[1]: Duplicate value: "u"',
            ],
        ),
        (
            {"devices": [DEVICE, DEVICE]},
            [
                f"devices[0]: Invalid value: {SHOWN}: must be an allocated device in the claim",
                f"devices[1]: Invalid value: {SHOWN}: must be an allocated device in the claim",
                f"devices[1]: Duplicate value: {SHOWN}",
            ],
        ),
    ],
)
def test_what_a_status_holds(status: JsonObject, expected: list[str]) -> None:
    assert causes(status) == [f"status.{text}" for text in expected]


def test_an_allocation_is_of_the_claims_requests() -> None:
    wrong = RESULT | {
        "request": "x",
        "driver": "",
        "pool": "",
        "shareID": "A" * 32,
        "bindingConditions": ["a"],
    }
    config = [{"source": "FromPod", "opaque": {"driver": "e.x", "parameters": "x"}}]
    path = "status.allocation.devices"
    assert causes({"allocation": {"devices": {"results": [wrong], "config": config}}}) == [
        (
            f'{path}.results[0].request: Invalid value: "x": must be the name of a request in the claim or the name '
            "of a request and a subrequest separated by '/'"
        ),
        f"{path}.results[0].driver: Required value",
        f"{path}.results[0].pool: Required value",
        (
            f"{path}.results[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are "
            "required to use bindingConditions"
        ),
        (
            f'{path}.results[0].shareID: Invalid value: "{"A" * 32}": uid must be in RFC 4122 normalized form, '
            "`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters"
        ),
        f'{path}.config[0].source: Unsupported value: "FromPod": supported values: "FromClaim", "FromClass"',
        f'{path}.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
    ]


def test_an_allocation_does_not_change() -> None:
    other = {"devices": {"results": [RESULT | {"device": "e"}]}}
    (found,) = causes({"allocation": other}, {"allocation": ALLOCATION})
    assert found.startswith("status.allocation: Invalid value: ")
    assert found.endswith(": field is immutable")
    assert causes({}, {"allocation": ALLOCATION}) == []


def test_a_claim_that_ends_is_reserved_no_more() -> None:
    before = {"allocation": ALLOCATION, "reservedFor": [CONSUMER]}
    other = before | {"reservedFor": [CONSUMER | {"uid": "v"}]}
    text = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
    since = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert causes(other, before, **since) == [f"status.reservedFor: Forbidden: {text}"]
    assert causes(before, before, **since) == []


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("10.0.0.1/24", ""),
        ("2001:db8::1/64", ""),
        ("10.0.0.1", "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"),
        ("010.0.0.1/24", 'must be in canonical form ("10.0.0.1/24")'),
        ("::ffff:192.168.0.1/120", 'must be in canonical form ("192.168.0.1/24")'),
        ("2001:DB8::1/64", 'must be in canonical form ("2001:db8::1/64")'),
    ],
)
def test_addresses_of_a_device(address: str, text: str) -> None:
    network = {"ips": [address], "interfaceName": "x" * 257}
    path = "status.devices[0].networkData"
    assert causes({"allocation": ALLOCATION, "devices": [DEVICE | {"networkData": network}]}) == [
        f"{path}.interfaceName: Too long: may not be more than 256 bytes",
        *([f'{path}.ips[0]: Invalid value: "{address}": {text}'] if text else []),
    ]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        ("x", "invalid UUID length: 1"),
        (SHARE.replace("-", "_"), "invalid UUID format"),
        (f"{{{SHARE}]", "invalid bracketed UUID format"),
        (f"uid:uuid:{SHARE}", 'invalid urn prefix: "uid:uuid:"'),
    ],
)
def test_a_share_is_a_uuid(share: str, text: str) -> None:
    given = {"devices": {"results": [RESULT | {"shareID": share}]}}
    path = "status.allocation.devices.results[0].shareID"
    assert causes({"allocation": given}) == [
        f'{path}: Invalid value: "{share}": error validating uid: {text}'
    ]


def test_a_device_that_is_given_back_has_no_status() -> None:
    before = claim({"allocation": ALLOCATION, "devices": [DEVICE]})
    strategy, context = find_strategy(resource()), make_system_context("update", resource())
    freed = claim({"devices": [DEVICE]})
    strategy.prepare_for_status_update(context, freed, before)
    assert freed["status"] == {}
    kept = claim({"allocation": ALLOCATION, "devices": [DEVICE]})
    strategy.prepare_for_status_update(context, kept, before)
    assert kept["status"]["devices"] == [DEVICE]
