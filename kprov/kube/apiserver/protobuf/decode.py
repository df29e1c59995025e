"""Kubernetes objects from protobuf to the JSON documents that everything else works with.

fields.txt has a line a message: "core.v1.Probe NUMBER:NAME:SHAPE:TYPE:KEEP ...". NAME is the JSON name, empty
where Go embeds the struct. SHAPE: r repeated, m map of strings. TYPE: another message, or s string,
i integer, b boolean, y bytes, f double, Q quantity, I int-or-string, T time, M micro time, R raw JSON,
F fieldsV1; "rs" in a map is a list of strings. KEEP 1: zero means zero (a pointer in Go); 0: zero means
absent (omitempty).
Source: the protobuf tags of upstream's API types, and runtime.Unknown, the envelope.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Of a varint: more do not fit into 64 bits.
_MOST_BYTES: Final = 10
#: Name, shape, type, keep.
_Field = tuple[str, str, str, bool]
_ZERO: Final = {"s": "", "i": 0, "b": False, "f": 0.0, "y": ""}


class ProtobufError(ValueError):
    """Bytes that are no Kubernetes object."""


def decode(data: bytes) -> JsonObject:
    """An object in its envelope. Raises ProtobufError."""
    if not data.startswith(_MAGIC):
        raise ProtobufError(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = dict(_entries(data[len(_MAGIC) :]))
        about = dict(_entries(envelope.get(1, b"")))
        api_version, kind = about.get(1, b"").decode(), about.get(2, b"").decode()
        obj: JsonObject = {"kind": kind, "apiVersion": api_version}
        obj.update(_message(_root(api_version, kind), envelope.get(2, b"")))
    except ProtobufError:
        raise
    except IndexError:
        raise ProtobufError("unexpected EOF") from None
    except (ValueError, struct.error, TypeError, AttributeError) as error:
        raise ProtobufError(f"unable to decode the message: {error}") from None
    return obj


def _root(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    name = f"{group.split('.')[0] or 'core'}.{version}.{kind}"
    if kind == "DeleteOptions":
        name = "meta.v1.DeleteOptions"
    if name not in _messages():
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    return name


@cache
def _messages() -> dict[str, str]:
    text = files(__package__).joinpath("fields.txt").read_text(encoding="ascii")
    return dict(line.split(" ", 1) for line in text.splitlines())


@cache
def _fields(message: str) -> dict[int, _Field]:
    fields = {}
    for each in _messages()[message].split():
        number, name, shape, kind, keep = each.split(":")
        fields[int(number)] = (name, shape, kind, keep == "1")
    return fields


def _message(message: str, data: bytes) -> JsonObject:
    result: JsonObject = {}
    fields = _fields(message)
    for number, raw in _entries(data):
        field = fields.get(number)
        if field is None:
            continue
        name, shape, kind, keep = field
        if shape == "m":
            pair = dict(_entries(raw))
            result.setdefault(name, {})[pair.get(1, b"").decode()] = _map_value(kind, pair.get(2))
        elif shape == "r":
            result.setdefault(name, []).extend(_repeated(kind, raw))
        elif not name:
            result.update(_message(kind, raw))
        else:
            value = _value(kind, raw)
            # A struct that is there is shown even when nothing is in it, as Go's JSON does.
            if value is not None and (keep or value != _ZERO.get(kind)):
                result[name] = value
    return result


def _map_value(kind: str, raw: Any) -> Any:
    if kind.startswith("r") and len(kind) == 2:
        return [
            item for number, each in _entries(raw or b"") if number == 1 for item in _repeated(kind[1], each)
        ]
    return _value(kind, raw if raw is not None else (0 if kind in "ib" else b""))


def _repeated(kind: str, raw: Any) -> list[Any]:
    if kind in {"i", "b"} and isinstance(raw, bytes):
        values, position = [], 0
        while position < len(raw):
            number, position = _varint(raw, position)
            values.append(_value(kind, number))
        return values
    return [_value(kind, raw)]


def _value(kind: str, raw: Any) -> Any:
    if len(kind) > 1:
        return _message(kind, raw)
    match kind:
        case "s":
            return raw.decode()
        case "i":
            return _signed(raw)
        case "b":
            return bool(raw)
        case "y":
            return base64.b64encode(raw).decode()
        case "f":
            return struct.unpack("<d", raw)[0]
        case "Q":
            return dict(_entries(raw)).get(1, b"0").decode()
        case "I":
            held = dict(_entries(raw))
            return held.get(3, b"").decode() if held.get(1) else _signed(held.get(2, 0))
        case "T" | "M":
            return _time(raw, micro=kind == "M")
        case _:
            document = dict(_entries(raw)).get(1, b"")
            return orjson.loads(document) if document else None


def _time(raw: bytes, *, micro: bool) -> str | None:
    held = dict(_entries(raw))
    if not held:
        return None
    try:
        moment = _EPOCH + timedelta(seconds=_signed(held.get(1, 0)))
    except OverflowError:
        raise ProtobufError("a time is out of range") from None
    if micro:
        moment = moment.replace(microsecond=_signed(held.get(2, 0)) // 1000)
        return timestamps.show_micro(moment)
    return timestamps.show(moment)


def _entries(data: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, varint as int or anything else as bytes) of a message."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            size, position = _varint(data, position)
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
        else:
            raise ProtobufError(f"wire type {wire} is not used")
        if position + size > len(data):
            raise ProtobufError("unexpected EOF")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & (1 << 64) - 1, position
        shift += 7
        if shift == 7 * _MOST_BYTES:
            raise ProtobufError("proto: integer overflow")


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
