"""Protobuf as clients send it and as they should not: objects put together by hand, and noise in them."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
#: Of runtime.Unknown's apiVersion and kind, and where kinds have their metadata.
_KINDS: Final = (
    ("v1", "ConfigMap"), ("v1", "Pod"), ("v1", "Service"), ("v1", "Node"), ("v1", "Unheard"), ("", ""), ("apps/v1", "Deployment"),
    ("coordination.k8s.io/v1", "Lease"), ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("meta.k8s.io/v1", "DeleteOptions"),
    ("v1", "DeleteOptions"), ("policy/v1", "Eviction"), ("v1", "List"), ("v1", "ConfigMapList"), ("autoscaling/v1", "Scale"),
)  # fmt: skip


def varint(number: int) -> bytes:
    """At most 64 bits."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: bytes | int | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, api_version.encode()) + field(2, kind.encode())) + field(2, raw)


_numbers = st.integers(0, 30) | st.sampled_from([0, 2**29 - 1, 2**29, 2**60])
_scalars: st.SearchStrategy[Any] = st.one_of(
    st.integers(0, 5), st.integers(0, 2**64 - 1), st.sampled_from([b"", b"fuzz", b"a", b"\xff\xfe", b"1", b"{", b'{"f:a":{}}', b"a" * 300])
)  # fmt: skip
_broken = st.sampled_from(
    [b"\xff" * 11, b"\x0b", b"\x0c", b"\x0b" * 500 + b"\x0c" * 500, b"\x0a\x7f", b"\x0f", b"\x0d\x00", b"\x09\x00", b"\x0a" + b"\xff" * 9 + b"\x01",
     b"\x08" + b"\xff" * 100_000, b"\x80" * 100_000, b"\x0a\x00" * 20_000]
)  # fmt: skip
_messages: st.SearchStrategy[bytes] = st.recursive(
    st.builds(field, _numbers, _scalars),
    lambda inner: st.builds(field, _numbers, st.lists(inner, max_size=4).map(b"".join)),
    max_leaves=15,
)
_deep = st.integers(1, 400).map(lambda depth: _nested(depth, b""))


def _nested(depth: int, inner: bytes) -> bytes:
    for _ in range(depth):
        inner = field(1, inner)
    return inner


_metadata = st.just(field(1, field(1, b"fuzz")))
_wholes = st.builds(
    lambda kind, metadata, rest: envelope(kind[0], kind[1], metadata + b"".join(rest)),
    st.sampled_from(_KINDS),
    _metadata | st.just(b""),
    st.lists(_messages | _broken | _deep, max_size=4),
)
bodies = st.one_of(
    _wholes,
    _wholes,
    _wholes.flatmap(lambda body: st.integers(0, len(body)).map(lambda end: body[:end])),
    st.builds(
        lambda body, at, noise: body[: at % len(body)] + noise + body[at % len(body) + len(noise) :],
        _wholes, st.integers(0, 200), st.binary(min_size=1, max_size=3),
    ),
    st.sampled_from([b"k8s\0", b"k8s", b"k8t\0", b"k8s\0\x0a\x00\x12\x00", b"{}"]) | _wholes.map(lambda body: body + b"\x1a\x04gzip"),
)  # fmt: skip
