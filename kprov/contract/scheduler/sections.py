"""Parts of a configuration file as dataclasses, and their reader. Unknown fields are errors."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeVar, cast

#: Fields whose names in the file are not those of Python in camel case.
_SPELLINGS: Final = {"enable_https": "enableHTTPS"}
_TYPE_NAMES: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "array",
    dict: "object",
    types.NoneType: "null",
}
_REQUIRED: Final = dataclasses.MISSING


@typing.dataclass_transform(kw_only_default=True, field_specifiers=(dataclasses.field,))
class Section:
    """Base of all parts of a configuration. Its annotated attributes are fields, as in a dataclass."""

    def __init_subclass__(cls) -> None:
        """Make a dataclass of the class, with arguments by keyword only."""
        dataclasses.dataclass(kw_only=True)(cls)


_Section = TypeVar("_Section", bound=Section)


class SectionError(ValueError):
    """A document that has not the shape of its section. `problems`: each as FIELD: TEXT."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


def get_spelling(field: str) -> str:
    """Return the name of a field in the file."""
    first, *others = field.split("_")
    return _SPELLINGS.get(field) or first + "".join(part.capitalize() for part in others)


def read(section: type[_Section], document: object, path: str = "") -> _Section:
    """Return the section that a document describes.

    path: where the document stands, for messages. Raise SectionError with all fields that are unknown,
    missing, or of a wrong type.
    """
    problems: list[str] = []
    value = _read_value(section, document, path, problems)
    if problems:
        raise SectionError(problems)
    return cast("_Section", value)


@functools.cache
def _list_fields(section: type) -> dict[str, tuple[str, Any, bool]]:
    """Return the Python name, the type, and whether it is required, of each field by its name in the file."""
    hints = typing.get_type_hints(section)
    return {
        get_spelling(field.name): (
            field.name,
            hints[field.name],
            field.default is _REQUIRED and field.default_factory is _REQUIRED,
        )
        for field in dataclasses.fields(section)
    }


def _read_value(expected: Any, value: object, path: str, problems: list[str]) -> object:
    if expected is Any:
        return value
    origin, parts = typing.get_origin(expected), typing.get_args(expected)
    if origin is Literal:
        if value not in parts:
            problems.append(_describe(path, f"Invalid enum value {value!r}"))
    elif origin is types.UnionType:
        (inner,) = (part for part in parts if part is not types.NoneType)
        return None if value is None else _read_value(inner, value, path, problems)
    elif origin is list and isinstance(value, list):
        return [_read_value(parts[0], item, f"{path}[{n}]", problems) for n, item in enumerate(value)]
    elif dataclasses.is_dataclass(expected) and isinstance(value, dict):
        return _read_section(cast("type", expected), value, path, problems)
    elif not _has_type(value, origin or expected):
        wanted, actual = (_TYPE_NAMES.get(type_, "object") for type_ in (origin or expected, type(value)))
        problems.append(_describe(path, f"Expected `{wanted}`, got `{actual}`"))
    return value


def _has_type(value: object, expected: type) -> bool:
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is expected


def _read_section(section: type, document: dict[str, Any], path: str, problems: list[str]) -> object:
    before = len(problems)
    fields = _list_fields(section)
    problems.extend(_find_wrong_names(fields, document, path))
    values = {
        name: _read_value(expected, document[spelling], f"{path}.{spelling}".removeprefix("."), problems)
        for spelling, (name, expected, _) in fields.items()
        if spelling in document
    }
    return section(**values) if len(problems) == before else None


def _find_wrong_names(
    fields: dict[str, tuple[str, Any, bool]], document: dict[str, Any], path: str
) -> Iterator[str]:
    for spelling in document:
        if spelling not in fields:
            yield _describe(path, f"Object contains unknown field `{spelling}`")
    for spelling, (_, _, is_required) in fields.items():
        if is_required and spelling not in document:
            yield _describe(path, f"Object missing required field `{spelling}`")


def _describe(path: str, text: str) -> str:
    return f"{path}: {text}" if path else text
