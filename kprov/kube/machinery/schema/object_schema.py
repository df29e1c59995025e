"""Checks of objects against the definitions of 1.36, and pruning, as upstream's decoder does them.

A check stops at the first value of a wrong type (`errors`). It collects unknown and duplicate fields, which
the caller ignores, warns of, or rejects (fieldValidation Ignore, Warn, Strict).
Source: sigs.k8s.io/json, staging/src/k8s.io/apimachinery/pkg/runtime/serializer/json.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.go_text.duplicate_fields import (
    describe_unknown_fields,
    has_no_duplicates,
    list_strict_errors,
    list_unknown_fields,
)
from kprov.kube.machinery.quantity import QuantityError, canonical, canonical_milli
from kprov.kube.machinery.schema import definitions, go_types
from kprov.kube.machinery.schema.nodes import ANY_NODE, Compiler, Kind, Node

Gvk = tuple[str, str, str]
#: A place in a document: (parent path, field name or list index), and True behind the key of a map. () is the
#: root.
_Path = tuple[Any, ...]

_INT32, _INT64 = 2**31, 2**63
_TIME_LAYOUTS = {Kind.TIME: "2006-01-02T15:04:05Z07:00", Kind.MICRO_TIME: "2006-01-02T15:04:05.000000Z07:00"}


@dataclass(slots=True)
class SchemaReport:
    """The result of checking one object.

    errors: at most one message, for a value of a wrong type. unknown_fields: paths such as
    "spec.containers[0].foo". strict_errors: messages for unknown and duplicate fields, in the order of the
    body, or sorted by name if there is no JSON body (YAML, patches).
    """

    errors: list[str] = field(default_factory=list)
    unknown_fields: list[str] = field(default_factory=list)
    strict_errors: list[str] = field(default_factory=list)
    #: Messages for duplicate keys of a YAML body: see find_yaml_duplicates.
    duplicate_keys: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """Messages for fieldValidation=Warn, each for a Warning header."""
        return self.duplicate_keys + self.strict_errors

    def bad_request_text(self, gvk: Gvk, *, strict: bool) -> str | None:
        """Return the message of upstream's 400 error for this report. None if the object is valid."""
        if self.errors:
            reason = self.errors[0]
        elif strict and self.warnings:
            errors = self.strict_errors
            if self.duplicate_keys:
                errors = ["yaml: unmarshal errors:\n  " + "\n  ".join(self.duplicate_keys), *errors]
            reason = f"strict decoding error: {', '.join(errors)}"
        else:
            return None
        group, version, kind = gvk
        del group
        return f'{kind} in version "{version}" cannot be handled as a {kind}: {reason}'


class _RefusedError(Exception):
    """A value that Go cannot decode."""

    def message_for(self, root: Node) -> str:
        """Return the message, for an object of type `root`."""
        del root
        return str(self)


class _MismatchError(_RefusedError):
    """A value of a wrong type."""

    def __init__(self, owner: Node, description: str, path: _Path) -> None:
        self._owner, self._description, self._path = owner, description, path

    def message_for(self, root: Node) -> str:
        steps: list[str | None] = []
        path = self._path
        while path:
            # List indices are numbers, and map keys have a third element.
            steps.append(path[1] if isinstance(path[1], str) and len(path) == 2 else None)
            path = path[0]
        where, go_type = go_types.locate(root, reversed(steps))
        return (
            f"json: cannot unmarshal {self._description} into Go struct field {self._owner.name}.{where}"
            f" of type {go_type}"
        )


class Schema:
    """Types by group, version and kind, compiled at first use."""

    def __init__(self, raw: definitions.Definitions) -> None:
        self._names = {
            (entry["group"], entry["version"], entry["kind"]): name
            for name, definition in raw.items()
            for entry in definition.get("x-kubernetes-group-version-kind", ())
        }
        self._compiler = Compiler(raw)

    def node(self, gvk: Gvk) -> Node:
        """Return the type of a kind. ANY_NODE, which accepts everything, for a kind without definition."""
        name = self._names.get(gvk)
        return ANY_NODE if name is None else self._compiler.definition(name)

    def knows(self, gvk: Gvk) -> bool:
        return gvk in self._names

    def check(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        """Check an object without changing it. `body`: its JSON text, to find duplicate fields."""
        return self._run(obj, gvk, body, prune=False)

    def prune(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        """Check `obj` and change it in place as decoding and encoding in Go would.

        Unknown fields and nulls are removed. Quantities and times become canonical. If the report has errors,
        the object may be partly changed, and the caller discards it.
        """
        return self._run(obj, gvk, body, prune=True)

    def _run(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None, *, prune: bool) -> SchemaReport:
        report = SchemaReport()
        # Before unknown fields are removed.
        is_whole = body is None or has_no_duplicates(body, obj)
        node = self.node(gvk)
        if node.kind is Kind.STRUCT:
            try:
                _check_struct(node, obj, (), report, prune)
            except _RefusedError as refused:
                report.errors.append(refused.message_for(node))
        if body is None:
            report.strict_errors = list_unknown_fields(report.unknown_fields)
        elif not is_whole:
            report.strict_errors = list_strict_errors(body, report.unknown_fields)
        else:
            # Without duplicate fields, the object has its fields in the order of the body.
            report.strict_errors = describe_unknown_fields(report.unknown_fields)
        return report

    def merge_key(self, gvk: Gvk, *path: str) -> str | None:
        """Return the strategic merge key of the list at a path of field names, None if it has none."""
        node: Node | None = self.node(gvk)
        for name in path:
            while node is not None and node.kind is Kind.LIST:
                node = node.item
            node = node.fields.get(name) if node is not None else None
        return node.merge_key if node is not None else None


def prune_struct(node: Node, value: dict[str, Any]) -> SchemaReport:
    """Check an object of a known type and change it in place as Schema.prune. Paths begin within it."""
    report = SchemaReport()
    try:
        _check_struct(node, value, (), report, prune=True)
    except _RefusedError as refused:
        report.errors.append(refused.message_for(node))
    return report


@cache
def builtin() -> Schema:
    """Return the schema of the built-in kinds, loaded once per process (about 15 ms)."""
    raw = definitions.load()
    for definition in raw.values():
        _drop_descriptions(definition)
    return Schema(raw)


def _drop_descriptions(schema: dict[str, Any]) -> None:
    schema.pop("description", None)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            _drop_descriptions(schema[name])
    for child in schema.get("properties", {}).values():
        _drop_descriptions(child)


def _check_struct(node: Node, value: dict[str, Any], path: _Path, report: SchemaReport, prune: bool) -> None:
    fields = node.fields
    dropped: list[str] = []
    for name, held in value.items():
        child = fields.get(name)
        if child is None:
            report.unknown_fields.append(_format_path((path, name)))
        elif held is not None:
            kind = child.kind
            if kind is Kind.STRING:
                if type(held) is not str:
                    raise _mismatch(node, child, (path, name), held)
                continue
            new = _check_value(node, child, held, (path, name), report, prune)
            if prune and new is not held:
                value[name] = new
            continue
        if prune:
            dropped.append(name)
    for name in dropped:
        del value[name]


def _check_value(owner: Node, node: Node, value: Any, path: _Path, report: SchemaReport, prune: bool) -> Any:
    """Return the value as Go would encode it. Raises _RefusedError."""
    kind = node.kind
    if kind is Kind.STRUCT:
        if type(value) is not dict:
            raise _mismatch(owner, node, path, value)
        _check_struct(node, value, path, report, prune)
    elif kind is Kind.LIST:
        _check_list(owner, node, value, path, report, prune)
    elif kind is Kind.MAP:
        _check_map(owner, node, value, path, report, prune)
    elif kind is not Kind.ANY:
        return _check_scalar(owner, node, value, path)
    return value


def _check_list(owner: Node, node: Node, value: Any, path: _Path, report: SchemaReport, prune: bool) -> None:
    item = node.item
    assert item is not None
    if type(value) is not list:
        raise _mismatch(owner, node, path, value)
    for index, held in enumerate(value):
        if held is None:
            new = _zero_of_null(item) if prune else None
        else:
            new = _check_value(owner, item, held, (path, index), report, prune)
        if prune and new is not held:
            value[index] = new


def _check_map(owner: Node, node: Node, value: Any, path: _Path, report: SchemaReport, prune: bool) -> None:
    item = node.item
    assert item is not None
    if type(value) is not dict:
        raise _mismatch(owner, node, path, value)
    for key, held in value.items():
        if held is None:
            new = _zero_of_null(item) if prune else None
        elif type(held) is str and item.kind is Kind.STRING:
            continue
        else:
            # Go's decoding errors omit map keys from paths. Messages for unknown fields have them.
            new = _check_value(owner, item, held, (path, key, True), report, prune)
        if prune and new is not held:
            value[key] = new


def _zero_of_null(node: Node) -> Any:
    """Return the value that Go makes of null in a list or map."""
    zeros: dict[Kind, Any] = {
        Kind.STRING: "",
        Kind.BYTES: "",
        Kind.BOOL: False,
        Kind.STRUCT: {},
        Kind.QUANTITY: "0",
        Kind.MILLI_QUANTITY: "0",
    }
    if node.kind in {Kind.INT32, Kind.INT64, Kind.NUMBER, Kind.INT_OR_STRING}:
        return 0
    return zeros.get(node.kind)


def _check_scalar(owner: Node, node: Node, value: Any, path: _Path) -> Any:
    kind, value_type = node.kind, type(value)
    if kind is Kind.STRING:
        fits = value_type is str
    elif kind is Kind.BOOL:
        fits = value_type is bool
    elif kind is Kind.INT32:
        fits = value_type is int and -_INT32 <= value < _INT32
    elif kind is Kind.INT64:
        fits = value_type is int and -_INT64 <= value < _INT64
    elif kind is Kind.NUMBER:
        fits = value_type is int or value_type is float
    else:
        return _check_special(owner, node, value, path)
    if not fits:
        raise _mismatch(owner, node, path, value)
    return value


def _check_special(owner: Node, node: Node, value: Any, path: _Path) -> Any:
    """Return the canonical form of a value with its own syntax: quantity, time, bytes, int-or-string."""
    if node.kind is Kind.INT_OR_STRING:
        if type(value) is str or (type(value) is int and -_INT32 <= value < _INT32):
            return value
        raise _RefusedError(f"json: cannot unmarshal {json_type_name(value)} into Go value of type int32")
    if node.kind is Kind.QUANTITY:
        return _check_quantity(value, canonical)
    if node.kind is Kind.MILLI_QUANTITY:
        return _check_quantity(value, canonical_milli)
    return _check_formatted(owner, node, value, path)


def _check_quantity(value: Any, form: Callable[[str | int | float], str]) -> str:
    try:
        if type(value) is str:
            return form(value.strip())
        return form(value if type(value) in {int, float} else "")
    except QuantityError as error:
        raise _RefusedError(str(error)) from None


def _check_formatted(owner: Node, node: Node, value: Any, path: _Path) -> Any:
    if type(value) is not str:
        if node.kind is Kind.BYTES:
            raise _mismatch(owner, node, path, value)
        raise _RefusedError(f"json: cannot unmarshal {json_type_name(value)} into Go value of type string")
    if node.kind is Kind.BYTES:
        try:
            base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            raise _RefusedError(f"illegal base64 data at input byte {_find_illegal_base64(value)}") from None
        return value
    try:
        time = timestamps.parse(value)
    except ValueError:
        layout = _TIME_LAYOUTS[node.kind]
        raise _RefusedError(
            f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"'
        ) from None
    return timestamps.show(time) if node.kind is Kind.TIME else timestamps.show_micro(time)


def _find_illegal_base64(value: str) -> int:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\r\n"
    whole = len(value) // 4 * 4
    return next((index for index, character in enumerate(value) if character not in letters), whole)


def json_type_name(value: Any) -> str:
    """Return the name of a JSON value's type in errors of Go's decoder."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object" if isinstance(value, dict) else "array"


def _mismatch(owner: Node, node: Node, path: _Path, value: Any) -> _MismatchError:
    description = json_type_name(value)
    if description == "number" and node.kind in {Kind.INT32, Kind.INT64}:
        description = f"number {value}"
    return _MismatchError(owner, description, path)


def _format_path(path: _Path) -> str:
    steps: list[str] = []
    while path:
        step = path[1]
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        path = path[0]
    return "".join(reversed(steps)).removeprefix(".")
