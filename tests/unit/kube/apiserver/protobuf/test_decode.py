"""Protobuf bodies as typed clients send them, put together by hand along the wire format."""

from __future__ import annotations

import struct

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


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def pair(number: int, name: str, value: bytes) -> bytes:
    return field(number, field(1, name) + field(2, value))


def test_a_definition_of_custom_resources() -> None:
    size = field(5, "integer") + field(8, field(1, "3")) + double(9, 10.0) + double(11, 0.5)
    labels = field(5, "object") + field(30, field(1, 1) + field(2, field(5, "string")))
    free = field(5, "object") + field(30, field(1, 1) + b"") + field(38, 1)
    closed = field(5, "object") + field(30, field(1, 0))
    listed = field(5, "array") + field(24, field(1, field(5, "string"))) + field(20, field(1, '["a"]'))
    properties = b"".join(
        pair(29, name, value)
        for name, value in (
            ("size", size),
            ("labels", labels),
            ("free", free),
            ("closed", closed),
            ("listed", listed),
        )
    )
    rule = field(44, field(1, "self.size > 1"))
    schema = field(5, "object") + properties + rule
    version = (
        field(1, "v1") + field(2, 1) + field(3, 1) + field(4, field(1, schema)) + field(5, field(1, b""))
    )
    spec = field(1, "example.com") + field(7, version)
    decoded = decode(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, spec)))
    (found,) = decoded["spec"]["versions"]
    assert found["subresources"] == {"status": {}}
    assert found["schema"]["openAPIV3Schema"] == {
        "type": "object",
        "properties": {
            "size": {"type": "integer", "default": 3, "maximum": 10, "minimum": 0.5},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {
                "type": "object",
                "additionalProperties": True,
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "closed": {"type": "object", "additionalProperties": False},
            "listed": {"type": "array", "items": {"type": "string"}, "enum": [["a"]]},
        },
        "x-kubernetes-validations": [{"rule": "self.size > 1"}],
    }


def test_a_schema_that_is_nested_too_deeply_is_an_error() -> None:
    for depth in (240, 2000):
        schema = field(5, "string")
        for _ in range(depth):
            schema = field(5, "array") + field(24, field(1, schema))
        spec = field(7, field(4, field(1, schema)))
        with pytest.raises(ProtobufError, match=r"too deeply|max depth"):
            decode(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, spec)))
