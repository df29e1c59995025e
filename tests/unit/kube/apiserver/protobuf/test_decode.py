"""Protobuf bodies as typed clients send them, put together by hand along the wire format."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.protobuf.decode import ProtobufError, decode


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: bytes | int | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    about = field(1, api_version) + field(2, kind)
    return b"k8s\0" + field(1, about) + field(2, raw) + field(3, "") + field(4, "")


def test_what_go_leaves_out_of_json_is_left_out() -> None:
    metadata = field(1, "foo") + field(2, "") + field(7, 0) + field(8, b"")
    body = envelope("v1", "Namespace", field(1, metadata) + field(2, b"") + field(3, field(1, "")))
    shown = {"metadata": {"name": "foo"}, "spec": {}, "status": {}}
    assert decode(body) == {"kind": "Namespace", "apiVersion": "v1"} | shown


def test_a_pointer_field_with_value_zero_is_decoded_as_zero() -> None:
    body = envelope("apps/v1", "Deployment", field(2, field(1, 0)))
    assert decode(body)["spec"]["replicas"] == 0


def test_embedded_structs_maps_quantities_and_ports() -> None:
    limit = field(1, "cpu") + field(2, field(1, "100m"))
    probe = field(1, field(2, field(1, "/up") + field(2, field(1, 1) + field(3, "http")))) + field(2, 5)
    container = field(1, "c") + field(3, "sh") + field(3, "-c") + field(8, field(1, limit)) + field(10, probe)
    empty_dir = field(1, "v") + field(2, field(2, b""))
    spec = field(1, empty_dir) + field(2, container)
    decoded = decode(envelope("v1", "Pod", field(2, spec)))["spec"]
    assert decoded["volumes"] == [{"name": "v", "emptyDir": {}}]
    (one,) = decoded["containers"]
    assert one["command"] == ["sh", "-c"]
    assert one["resources"] == {"limits": {"cpu": "100m"}}
    assert one["livenessProbe"] == {"httpGet": {"path": "/up", "port": "http"}, "initialDelaySeconds": 5}


def test_secrets_are_base64_and_negative_numbers_negative() -> None:
    pair = field(1, "k") + field(2, b"\x00\xff")
    secret = decode(envelope("v1", "Secret", field(2, pair)))
    assert secret["data"] == {"k": "AP8="}
    options = decode(envelope("v1", "DeleteOptions", field(1, -1) + field(4, "Orphan")))
    assert (options["gracePeriodSeconds"], options["propagationPolicy"]) == (-1, "Orphan")


def test_times() -> None:
    lease = field(2, field(3, field(1, 0) + field(2, 5000)))
    assert decode(envelope("coordination.k8s.io/v1", "Lease", lease))["spec"]["acquireTime"] == (
        "1970-01-01T00:00:00.000005Z"
    )
    lease = field(2, field(3, field(1, -62135596798)))
    assert decode(envelope("coordination.k8s.io/v1", "Lease", lease))["spec"]["acquireTime"] == (
        "0001-01-01T00:00:02.000000Z"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\0\xff",
        envelope("v1", "Unheard", b""),
        envelope("v1", "Pod", b"\x0a\x7f"),
        envelope("v1", "Pod", b"\x0b"),
        envelope("v1", "Pod", field(1, 7)),
        envelope("v1", "Pod", field(1, field(1, b"\xff"))),
        envelope("v1", "Pod", field(1, field(8, field(1, 2**40)))),
        envelope("v1", "Pod", field(1, field(8, field(1, 2**62)))),
        envelope("v1", "Pod", field(1, field(8, field(1, -(2**62))))),
        envelope("coordination.k8s.io/v1", "Lease", field(2, field(3, field(2, 2**40)))),
        envelope("coordination.k8s.io/v1", "Lease", field(2, field(4, field(2, 2**40)))),
        envelope("v1", "Pod", field(1, field(17, field(7, field(1, "{x"))))),
        envelope("v1", "Pod", field(1, field(17, field(7, field(1, '{"a":' * 5_000))))),
        envelope("v1", "Pod", b"\x08" + b"\xff" * 10 + b"\x01"),
        envelope("v1", "Pod", b"\x08" + b"\xff" * 1_000_000),
    ],
)
def test_bytes_that_are_no_object_are_refused(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode(data)
