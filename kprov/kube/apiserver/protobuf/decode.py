"""Decode Kubernetes objects from protobuf to JSON objects.

Field numbers and types come from the Go types of upstream's API (machinery/upstream); runtime.Unknown is the
envelope.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import cache_short
from kprov.kube.machinery.upstream import api_types
from kprov.kube.machinery.upstream.api_types import GoField

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The maximum length of a varint of 64 bits.
_MOST_BYTES: Final = 10
_META: Final = "apimachinery.pkg.apis.meta.v1."
_AGGREGATOR: Final = "kube-aggregator.pkg.apis.apiregistration."
_EXTENSIONS: Final = "apiextensions-apiserver.pkg.apis.apiextensions."
_SCHEMA: Final = f"{_EXTENSIONS}v1.JSONSchemaProps"
#: Go prints larger numbers with an exponent.
_LARGEST_PLAIN: Final = 1e21
_ZERO: Final[dict[str, Any]] = {"string": "", "int": 0, "bool": False, "float64": 0.0, "[]byte": ""}


class _Field(NamedTuple):
    """How a field is read.

    name: in JSON, "" for an embedded struct. type_name: of the value, or of the items of a list or map: the
    definition of a struct, "int" for every integer, and "[]" before the type of lists in a map.
    keep_zero: zero is not omitted.
    """

    name: str
    is_list: bool
    is_map: bool
    type_name: str
    keep_zero: bool


class ProtobufError(ValueError):
    """The bytes are not a Kubernetes object."""


def decode(data: bytes) -> JsonObject:
    """Decode an object in its envelope. Raise ProtobufError."""
    if not data.startswith(_MAGIC):
        raise ProtobufError(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = dict(_read_entries(data[len(_MAGIC) :]))
        about = dict(_read_entries(envelope.get(1, b"")))
        api_version, kind = about.get(1, b"").decode(), about.get(2, b"").decode()
        obj: JsonObject = {"kind": kind, "apiVersion": api_version}
        definition = _find_definition(api_version, kind)
        obj.update(_decode_message(definition, envelope.get(2, b"")))
        if definition.startswith(_EXTENSIONS):
            go_json.reject_deep(obj)
    except ProtobufError:
        raise
    except IndexError:
        raise ProtobufError("unexpected EOF") from None
    except RecursionError:
        raise ProtobufError("the message is nested too deeply") from None
    except (ValueError, struct.error, TypeError, AttributeError) as error:
        raise ProtobufError(f"unable to decode the message: {error}") from None
    return obj


@cache_short(maxsize=1024)
def _find_definition(api_version: str, kind: str) -> str:
    """Return the definition of a kind."""
    group, _, version = api_version.rpartition("/")
    if kind == "DeleteOptions":
        return f"{_META}{kind}"
    package = f"api.{group.split('.')[0] or 'core'}.{version}."
    if group == "apiregistration.k8s.io":
        package = f"{_AGGREGATOR}{version}."
    elif group == "apiextensions.k8s.io":
        package = f"{_EXTENSIONS}{version}."
    described = api_types.find(package + kind)
    if described is None or not described.fields:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    return package + kind


@cache
def _load_fields(definition: str) -> dict[int, _Field]:
    return {field.number: _build_field(field) for field in api_types.get(definition).fields if field.number}


def _build_field(field: GoField) -> _Field:
    go_type = field.go_type.removeprefix("*")
    whole = api_types.resolve(go_type)
    if whole.startswith("map["):
        return _Field(field.name, False, True, _find_type_name(api_types.split_map(whole)[1]), False)
    if whole.startswith("[]") and whole != "[]byte":
        return _Field(field.name, True, False, _find_type_name(whole[2:]), False)
    keep_zero = not field.omitempty or field.go_type.startswith("*")
    return _Field(field.name, False, False, _find_type_name(whole), keep_zero)


def _find_type_name(go_type: str) -> str:
    base = api_types.resolve(go_type.removeprefix("*"))
    if base.startswith("[]") and base != "[]byte":
        return f"[]{_find_type_name(base[2:])}"
    return "int" if base in api_types.INTEGERS else base


def _decode_message(definition: str, data: bytes) -> JsonObject:
    result: JsonObject = {}
    fields = _load_fields(definition)
    for number, raw in _read_entries(data):
        field = fields.get(number)
        if field is None:
            continue
        name, type_name = field.name, field.type_name
        if field.is_map:
            pair = dict(_read_entries(raw))
            result.setdefault(name, {})[pair.get(1, b"").decode()] = _decode_map_value(type_name, pair.get(2))
        elif field.is_list:
            result.setdefault(name, []).extend(_decode_repeated(type_name, raw))
        elif not name:
            result.update(_decode_message(type_name, raw))
        else:
            value = _decode_value(type_name, raw)
            # As in Go's JSON, a present struct is shown even if it is empty.
            if value is not None and (field.keep_zero or value != _ZERO.get(type_name)):
                result[name] = value
    return result


def _decode_map_value(type_name: str, raw: Any) -> Any:
    if type_name.startswith("[]") and type_name != "[]byte":
        items = (chunk for number, chunk in _read_entries(raw or b"") if number == 1)
        return [item for chunk in items for item in _decode_repeated(type_name[2:], chunk)]
    return _decode_value(type_name, raw if raw is not None else (0 if type_name in _VARINTS else b""))


def _decode_repeated(type_name: str, raw: Any) -> list[Any]:
    if type_name in _VARINTS and isinstance(raw, bytes):
        values, position = [], 0
        while position < len(raw):
            number, position = _read_varint(raw, position)
            values.append(_decode_value(type_name, number))
        return values
    return [_decode_value(type_name, raw)]


def _decode_value(type_name: str, raw: Any) -> Any:
    read = _READERS.get(type_name)
    return _decode_message(type_name, raw) if read is None else read(raw)


def _decode_bytes(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode_float(raw: bytes) -> float:
    """Return a number, as an int where Go's JSON shows no fraction."""
    number: float = struct.unpack("<d", raw)[0]
    return int(number) if number.is_integer() and abs(number) < _LARGEST_PLAIN else number


def _decode_quantity(raw: bytes) -> str:
    text: str = dict(_read_entries(raw)).get(1, b"0").decode()
    return text


def _decode_int_or_string(raw: bytes) -> int | str:
    fields = dict(_read_entries(raw))
    if fields.get(1):
        text: str = fields.get(3, b"").decode()
        return text
    return _convert_signed(fields.get(2, 0))


def _decode_raw_json(raw: bytes) -> Any:
    document = dict(_read_entries(raw)).get(1, b"")
    return go_json.reject_deep(orjson.loads(document), document) if document else None


def _decode_schema_or_bool(raw: bytes) -> Any:
    fields = dict(_read_entries(raw))
    schema = fields.get(2)
    return bool(fields.get(1)) if schema is None else _decode_message(_SCHEMA, schema)


def _decode_schema_or_array(raw: bytes) -> Any:
    schemas = [_decode_message(_SCHEMA, value) for number, value in _read_entries(raw) if number == 2]
    schema = dict(_read_entries(raw)).get(1)
    return schemas or (None if schema is None else _decode_message(_SCHEMA, schema))


def _decode_schema_or_names(raw: bytes) -> Any:
    names = [value.decode() for number, value in _read_entries(raw) if number == 2]
    schema = dict(_read_entries(raw)).get(1)
    return names or (None if schema is None else _decode_message(_SCHEMA, schema))


def _decode_time(raw: bytes) -> str | None:
    fields = dict(_read_entries(raw))
    return timestamps.show(_build_datetime(fields)) if fields else None


def _decode_micro_time(raw: bytes) -> str | None:
    fields = dict(_read_entries(raw))
    if not fields:
        return None
    return timestamps.show_micro(
        _build_datetime(fields).replace(microsecond=_convert_signed(fields.get(2, 0)) // 1000)
    )


def _build_datetime(fields: dict[int, Any]) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=_convert_signed(fields.get(1, 0)))
    except OverflowError:
        raise ProtobufError("a time is out of range") from None


def _read_entries(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (field number, value) of a message; the value is an int for a varint, else bytes."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _read_varint(data, position)
            yield number, value
            continue
        if wire == 2:
            size, position = _read_varint(data, position)
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
        else:
            raise ProtobufError(f"wire type {wire} is not used")
        if position + size > len(data):
            raise ProtobufError("unexpected EOF")
        yield number, data[position : position + size]
        position += size


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
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


def _convert_signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


_VARINTS: Final = frozenset({"int", "bool"})
#: Values by type; any other type is a message.
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": bytes.decode,
    "int": _convert_signed,
    "bool": bool,
    "[]byte": _decode_bytes,
    "float64": _decode_float,
    "apimachinery.pkg.api.resource.Quantity": _decode_quantity,
    "apimachinery.pkg.util.intstr.IntOrString": _decode_int_or_string,
    f"{_META}Time": _decode_time,
    f"{_META}MicroTime": _decode_micro_time,
    "apimachinery.pkg.runtime.RawExtension": _decode_raw_json,
    f"{_META}FieldsV1": _decode_raw_json,
    f"{_EXTENSIONS}v1.JSON": _decode_raw_json,
    f"{_SCHEMA}OrBool": _decode_schema_or_bool,
    f"{_SCHEMA}OrArray": _decode_schema_or_array,
    f"{_SCHEMA}OrStringArray": _decode_schema_or_names,
}
