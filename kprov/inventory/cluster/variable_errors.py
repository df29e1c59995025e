"""Describes what the value of a variable must be, from pydantic's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: By pydantic's type of error; {name} is of the error's context.
_SENTENCES = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "string_type": "must be text; put it in quotes",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
}


def describe_error(error: Mapping[str, Any]) -> str:
    """Describe an entry of pydantic's ValidationError.errors(), with the invalid value."""
    sentence = _SENTENCES.get(error["type"])
    text = sentence.format(**error.get("ctx", {})) if sentence else error["msg"].removeprefix("Value error, ")
    value = error["input"]
    # A validator of a whole list or mapping names the invalid part; do not print the whole value.
    is_named = error["type"] == "value_error" and isinstance(value, list | dict)
    if not is_named and (not str(value) or str(value) not in text):
        text = f"{text}, not {value!r}"
    inside = "".join(f"[{part}]" for part in error["loc"][1:] if part != "[key]")
    return f"{error['loc'][0]}{inside}: {text}" if inside else text
