"""The value of `self` in a rule: what the schema knows of an object, with the types of its formats.

Source: k8s.io/apiserver/pkg/cel/common/values.go, escaping.go.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from kprov.kube.component_base import durations
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.structural import Structural

_METADATA: Final = ("name", "generateName")
_NAME: Final = re.compile("[a-zA-Z_][a-zA-Z0-9_./-]*")
_ESCAPES: Final = {".": "__dot__", "-": "__dash__", "/": "__slash__", "__": "__underscores__"}
_SPECIAL: Final = re.compile("__|[./-]")
_KEYWORDS: Final = frozenset(
    {
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    }
)


@lru_cache(maxsize=4096)
def escape(name: str) -> str | None:
    """Return the name of a field in expressions, None if it has none."""
    if name in _KEYWORDS:
        return f"__{name}__"
    if _NAME.fullmatch(name) is None:
        return None
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], name)


def convert(value: Any, schema: Structural, *, is_resource: bool = False) -> Any:
    """Return the value as expressions see it. is_resource: it has kind and metadata."""
    kind = type(value)
    if kind is dict:
        return _convert_object(value, schema, is_resource=is_resource or schema.embedded)
    if kind is list:
        items = schema.items
        return [convert(held, items) for held in value] if items is not None else []
    if kind is int and schema.types == ("number",):
        return float(value)
    if kind is str and schema.format:
        return _convert_text(value, schema.format.replace("-", ""))
    return value


def _convert_object(value: JsonObject, schema: Structural, *, is_resource: bool) -> JsonObject:
    converted: JsonObject = {}
    properties, additional = schema.properties, schema.additional
    for name, held in value.items():
        child = properties.get(name)
        if is_resource and name == "metadata":
            metadata = held if isinstance(held, dict) else {}
            converted[name] = {key: metadata[key] for key in _METADATA if key in metadata}
        elif is_resource and name in {"apiVersion", "kind"}:
            converted[name] = held
        elif child is not None:
            escaped = escape(name)
            if escaped is not None and (child.types or child.preserve):
                converted[escaped] = convert(held, child)
        elif isinstance(additional, Structural):
            converted[name] = convert(held, additional)
    return converted


def _convert_text(value: str, form: str) -> Any:
    """Return a text as the type of its format. The library takes times and durations as messages only."""
    parse = _PARSERS.get(form)
    if parse is None:
        return value
    try:
        return parse(value)
    except (ValueError, OverflowError):
        return value


def _parse_time(text: str) -> Any:
    # Loaded with the first value: most clusters have no rules about times.
    from google.protobuf.timestamp_pb2 import Timestamp

    message = Timestamp()
    message.FromDatetime(timestamps.parse(text))
    return message


def _parse_duration(text: str) -> Any:
    from google.protobuf.duration_pb2 import Duration

    message = Duration()
    message.FromNanoseconds(round(durations.parse(text) * 1e9))
    return message


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "byte": lambda text: base64.b64decode(text, validate=True),
    "date": lambda text: _parse_time(f"{text}T00:00:00Z"),
    "datetime": _parse_time,
    "duration": _parse_duration,
}
