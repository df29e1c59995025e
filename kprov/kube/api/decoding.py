"""Decode JSON into views as Go's encoding/json does: null leaves a field at its default.

Go writes null for a nil slice or map without `omitempty` (`"containers": null`). msgspec rejects null for
a list. Such documents are rare: only they are decoded a second time.
"""

import functools
from collections.abc import Hashable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
import orjson
from msgspec import inspect

T = TypeVar("T")


class ViewDecoder(Generic[T]):
    """Decodes one type: a view, a plain dict, or a struct that holds views."""

    def __init__(self, expected: type[T]) -> None:
        self._expected = expected
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(expected)

    def decode(self, content: bytes | msgspec.Raw) -> T:
        """msgspec.DecodeError: the text is not JSON. msgspec.ValidationError: a field has a wrong type."""
        try:
            return self._decoder.decode(content)
        except msgspec.ValidationError:
            return _convert_without_nulls(orjson.loads(bytes(content)), self._expected)


def convert(document: Any, expected: type[T]) -> T:
    """Convert a parsed document to a view. msgspec.ValidationError: a field has a wrong type."""
    try:
        return msgspec.convert(document, expected)
    except msgspec.ValidationError:
        return _convert_without_nulls(document, expected)


def _convert_without_nulls(document: Any, expected: type[T]) -> T:
    return msgspec.convert(_drop_nulls(document, _type_info(cast("Hashable", expected))), expected)


@functools.cache
def _type_info(expected: Hashable) -> inspect.Type:
    return inspect.type_info(expected)


def _drop_nulls(value: Any, expected: inspect.Type) -> Any:
    """Return the value without null fields whose type has no None. Null elements become zero values.

    Values of a wrong type stay as they are: msgspec rejects them later.
    """
    if isinstance(expected, inspect.UnionType):
        return next((_drop_nulls(value, type_) for type_ in expected.types if _fits(value, type_)), value)
    if isinstance(expected, inspect.StructType) and isinstance(value, Mapping):
        return {
            field.encode_name: _drop_nulls(value[field.encode_name], field.type)
            for field in expected.fields
            if field.encode_name in value
            and (value[field.encode_name] is not None or _accepts_null(field.type))
        }
    if isinstance(expected, inspect.ListType) and isinstance(value, list):
        return [_element(element, expected.item_type) for element in value]
    if isinstance(expected, inspect.DictType) and isinstance(value, Mapping):
        return {key: _element(entry, expected.value_type) for key, entry in value.items()}
    return value


def _element(value: Any, expected: inspect.Type) -> Any:
    if value is None and not _accepts_null(expected):
        return _zero_value(expected)
    return _drop_nulls(value, expected)


def _accepts_null(expected: inspect.Type) -> bool:
    if isinstance(expected, inspect.UnionType):
        return any(_accepts_null(type_) for type_ in expected.types)
    return isinstance(expected, inspect.AnyType | inspect.NoneType | inspect.RawType)


def _fits(value: Any, expected: inspect.Type) -> bool:
    if isinstance(value, Mapping):
        return isinstance(expected, inspect.StructType | inspect.DictType)
    return isinstance(value, list) and isinstance(expected, inspect.ListType)


_ZERO_VALUES: Final[Mapping[type[inspect.Type], Any]] = {
    inspect.StructType: {},
    inspect.DictType: {},
    inspect.ListType: [],
    inspect.StrType: "",
    inspect.IntType: 0,
    inspect.FloatType: 0.0,
    inspect.BoolType: False,
}


def _zero_value(expected: inspect.Type) -> Any:
    if isinstance(expected, inspect.UnionType):
        return _zero_value(expected.types[0])
    return _ZERO_VALUES.get(type(expected))
