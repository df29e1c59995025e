"""OpenAPI v2 documents as protobuf, the only form that client-go reads.

Source: the message definitions of OpenAPIv2.proto (package openapi.v2, gnostic).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

Json = Any
#: Field number and encoder of a value.
_Field = tuple[int, Callable[[Json], Iterator[bytes]]]

MEDIA_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def encode(document: Mapping[str, Json]) -> bytes:
    """Return a Swagger 2.0 document as an openapi.v2.Document."""
    return b"".join(_message(_DOCUMENT)(document))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _encode_delimited(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


# An encoder takes a value and returns the bytes of its fields, without tags.


def _text(value: Json) -> Iterator[bytes]:
    yield _varint(len(encoded := str(value).encode())) + encoded


def _number(value: Json) -> Iterator[bytes]:
    yield _varint(int(value))


def _any(value: Json) -> Iterator[bytes]:
    """YAML text of any value; JSON is YAML."""
    text = _encode_delimited(2, orjson.dumps(value))
    yield _varint(len(text)) + text


def _many(encoder: Callable[[Json], Iterator[bytes]]) -> Callable[[Json], Iterator[bytes]]:
    def encode_many(values: Json) -> Iterator[bytes]:
        for value in values:
            yield from encoder(value)

    return encode_many


def _encode_nested(fields: Callable[[], Mapping[str, _Field]]) -> Callable[[Json], Iterator[bytes]]:
    """Yield a message whose table may not exist yet, since schemas contain schemas."""

    def encode_nested(value: Json) -> Iterator[bytes]:
        data = b"".join(_message(fields())(value))
        yield _varint(len(data)) + data

    return encode_nested


def _encode_named(encoder: Callable[[Json], Iterator[bytes]]) -> Callable[[Json], Iterator[bytes]]:
    """Yield a JSON object as repeated pairs of name and value."""

    def encode_named(values: Json) -> Iterator[bytes]:
        for name, value in values.items():
            pair = _encode_delimited(1, name.encode()) + b"".join(b"\x12" + data for data in encoder(value))
            yield _varint(len(pair)) + pair

    return encode_named


def _inside(number: int, encoder: Callable[[Json], Iterator[bytes]]) -> Callable[[Json], Iterator[bytes]]:
    """Yield a message with one field, which contains the value or each of its values."""

    def encode_inside(value: Json) -> Iterator[bytes]:
        data = b"".join(_varint(number << 3 | 2) + message for message in encoder(value))
        yield _varint(len(data)) + data

    return encode_inside


_VARINTS: Final = {_number}


def _message(fields: Mapping[str, _Field]) -> Callable[[Json], Iterator[bytes]]:
    extension = fields.get("x-")

    def encode_message(value: Json) -> Iterator[bytes]:
        extensions = {}
        for name, held in value.items():
            field = fields.get(name)
            if field is None:
                if extension is None or not name.startswith("x-"):
                    raise ValueError(f"the field {name} has no place in an OpenAPI v2 document")
                extensions[name] = held
                continue
            number, encoder = field
            wire = 0 if encoder in _VARINTS else 2
            for data in encoder(held):
                yield _varint(number << 3 | wire) + data
        if extension is not None and extensions:
            for data in _encode_named(_any)(extensions):
                yield _varint(extension[0] << 3 | 2) + data

    return encode_message


def _reference_or(fields: Callable[[], Mapping[str, _Field]]) -> Callable[[Json], Iterator[bytes]]:
    """ParametersItem: a parameter (1), or a reference to one (2)."""
    reference = _inside(2, _encode_nested(lambda: {"$ref": (1, _text), "description": (2, _text)}))
    parameter = _inside(1, _parameter(fields))
    return lambda value: (reference if "$ref" in value else parameter)(value)


def _parameter(query: Callable[[], Mapping[str, _Field]]) -> Callable[[Json], Iterator[bytes]]:
    """Parameter: of the body (1), or one of NonBodyParameter (2): header 1, query 3, path 4."""
    places = {"header": 1, "query": 3, "path": 4}

    def encode_parameter(value: Json) -> Iterator[bytes]:
        if value["in"] == "body":
            yield from _inside(1, _encode_nested(lambda: _BODY))(value)
            return
        table = query() if value["in"] == "query" else _PLACED
        yield from _inside(2, _inside(places[value["in"]], _encode_nested(lambda: table)))(value)

    return encode_parameter


def _response(value: Json) -> Iterator[bytes]:
    yield from _inside(1, _encode_nested(lambda: _RESPONSE))(value)


def _type(value: Json) -> Iterator[bytes]:
    yield from _inside(1, _many(_text))([value] if isinstance(value, str) else value)


def _additional(value: Json) -> Iterator[bytes]:
    if isinstance(value, bool):
        yield b"\x02\x10" + _varint(value)
        return
    yield from _inside(1, _schema)(value)


_schema: Final = _encode_nested(lambda: _SCHEMA)
_operation: Final = _encode_nested(lambda: _OPERATION)
_strings: Final = _many(_text)
_parameters: Final = _many(_reference_or(lambda: _QUERY))

_SCHEMA: Final[dict[str, _Field]] = {
    "$ref": (1, _text),
    "format": (2, _text),
    "title": (3, _text),
    "description": (4, _text),
    "default": (5, _any),
    "maxLength": (11, _number),
    "minLength": (12, _number),
    "pattern": (13, _text),
    "maxItems": (14, _number),
    "minItems": (15, _number),
    "uniqueItems": (16, _number),
    "required": (19, _strings),
    "enum": (20, _many(_any)),
    "additionalProperties": (21, _additional),
    "type": (22, _type),
    "items": (23, _inside(1, _schema)),
    "allOf": (24, _many(_schema)),
    "properties": (25, _inside(1, _encode_named(_schema))),
    "readOnly": (27, _number),
    "example": (30, _any),
    "x-": (31, _any),
}
_QUERY: Final[dict[str, _Field]] = {
    "required": (1, _number),
    "in": (2, _text),
    "description": (3, _text),
    "name": (4, _text),
    "type": (6, _text),
    "format": (7, _text),
    "default": (10, _any),
    "uniqueItems": (20, _number),
    "x-": (23, _any),
}
_PLACED: Final[dict[str, _Field]] = {
    "required": (1, _number),
    "in": (2, _text),
    "description": (3, _text),
    "name": (4, _text),
    "type": (5, _text),
    "format": (6, _text),
    "uniqueItems": (19, _number),
    "x-": (22, _any),
}
_BODY: Final[dict[str, _Field]] = {
    "description": (1, _text),
    "name": (2, _text),
    "in": (3, _text),
    "required": (4, _number),
    "schema": (5, _schema),
    "x-": (6, _any),
}
_RESPONSE: Final[dict[str, _Field]] = {
    "description": (1, _text),
    "schema": (2, _inside(1, _schema)),
    "x-": (5, _any),
}
_OPERATION: Final[dict[str, _Field]] = {
    "tags": (1, _strings),
    "summary": (2, _text),
    "description": (3, _text),
    "operationId": (5, _text),
    "produces": (6, _strings),
    "consumes": (7, _strings),
    "parameters": (8, _parameters),
    "responses": (9, _inside(1, _encode_named(_response))),
    "schemes": (10, _strings),
    "deprecated": (11, _number),
    "x-": (13, _any),
}
_PATH: Final[dict[str, _Field]] = {
    "get": (2, _operation),
    "put": (3, _operation),
    "post": (4, _operation),
    "delete": (5, _operation),
    "options": (6, _operation),
    "head": (7, _operation),
    "patch": (8, _operation),
    "parameters": (9, _parameters),
    "x-": (10, _any),
}
_KEY: Final[dict[str, _Field]] = {
    "type": (1, _text),
    "name": (2, _text),
    "in": (3, _text),
    "description": (4, _text),
    "x-": (5, _any),
}
_DOCUMENT: Final[dict[str, _Field]] = {
    "swagger": (1, _text),
    "info": (
        2,
        _encode_nested(lambda: {"title": (1, _text), "version": (2, _text), "description": (3, _text)}),
    ),
    "schemes": (5, _strings),
    "consumes": (6, _strings),
    "produces": (7, _strings),
    "paths": (8, _inside(2, _encode_named(_encode_nested(lambda: _PATH)))),
    "definitions": (9, _inside(1, _encode_named(_schema))),
    "parameters": (10, _inside(1, _encode_named(_parameter(lambda: _QUERY)))),
    "security": (12, _many(_inside(1, _encode_named(_inside(1, _strings))))),
    "securityDefinitions": (13, _inside(1, _encode_named(_inside(2, _encode_nested(lambda: _KEY))))),
    "x-": (16, _any),
}
