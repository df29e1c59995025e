"""Checking objects against the definitions of 1.36, as upstream's decoding does, and dropping what it drops.

Decoding stops at the first value of a wrong type (`errors`); unknown and duplicate fields are collected,
for the caller to ignore, warn of, or refuse (fieldValidation Ignore, Warn, Strict).
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
    has_no_duplicates,
    list_strict_errors,
    list_unknown_fields,
)
from kprov.kube.machinery.quantity import QuantityError, canonical, canonical_milli
from kprov.kube.machinery.schema import definitions, go_types
from kprov.kube.machinery.schema.nodes import ANY_NODE, Compiler, Kind, Node

Gvk = tuple[str, str, str]
#: A place in a document, innermost first: (parent, struct field or None, text of the step); () is the root.
_Path = tuple[Any, ...]

#: So many are told, as upstream's decoder has it.
_STRICT_ERRORS = 100
_INT32, _INT64 = 2**31, 2**63
_TIME_LAYOUTS = {Kind.TIME: "2006-01-02T15:04:05Z07:00", Kind.MICRO_TIME: "2006-01-02T15:04:05.000000Z07:00"}


@dataclass(slots=True)
class SchemaReport:
    """What was found in one object.

    errors: at most one text, of a value whose type cannot be decoded. unknown_fields: paths such as
    "spec.containers[0].foo". strict_errors: texts of those and of fields given twice, in the body's order, or
    by name where there is none (YAML, patches): Go sorts names then.
    """

    errors: list[str] = field(default_factory=list)
    unknown_fields: list[str] = field(default_factory=list)
    strict_errors: list[str] = field(default_factory=list)
    #: Of YAML, which is read before fields are known: see yaml_duplicates.
    duplicate_keys: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """Texts for fieldValidation=Warn, each a Warning header."""
        return self.duplicate_keys + self.strict_errors

    def bad_request_text(self, gvk: Gvk, *, strict: bool) -> str | None:
        """The message of upstream's 400 for this report, None where the object is accepted."""
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
    """A value that Go could not decode."""

    def told(self, root: Node) -> str:
        """Of an object of that type."""
        del root
        return str(self)


class _MismatchError(_RefusedError):
    """One of another type than its field's."""

    def __init__(self, owner: Node, given: str, path: _Path) -> None:
        self._owner, self._given, self._path = owner, given, path

    def told(self, root: Node) -> str:
        steps: list[str | None] = []
        path = self._path
        while path:
            # A place in a list is a number, a key of a map has a mark.
            steps.append(path[1] if isinstance(path[1], str) and len(path) == 2 else None)
            path = path[0]
        where, go_type = go_types.locate(root, reversed(steps))
        return (
            f"json: cannot unmarshal {self._given} into Go struct field {self._owner.name}.{where}"
            f" of type {go_type}"
        )


class Schema:
    """Types by group, version and kind; compiled when first asked for."""

    def __init__(self, raw: definitions.Definitions) -> None:
        self._names = {
            (entry["group"], entry["version"], entry["kind"]): name
            for name, definition in raw.items()
            for entry in definition.get("x-kubernetes-group-version-kind", ())
        }
        self._compiler = Compiler(raw)

    def node(self, gvk: Gvk) -> Node:
        """The type of a kind; ANY_NODE (everything is accepted) for a kind without definition."""
        name = self._names.get(gvk)
        return ANY_NODE if name is None else self._compiler.definition(name)

    def knows(self, gvk: Gvk) -> bool:
        return gvk in self._names

    def check(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        """Look at an object without changing it. `body`: the JSON it came from, to find duplicate fields."""
        return self._run(obj, gvk, body, prune=False)

    def prune(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        """Check, and change `obj` in place to what decoding and encoding in Go would leave.

        Unknown fields and nulls go; quantities and times become canonical. With errors in the report the
        object may be half changed and is to be thrown away.
        """
        return self._run(obj, gvk, body, prune=True)

    def _run(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None, *, prune: bool) -> SchemaReport:
        report = SchemaReport()
        # Before what is unknown is dropped from it.
        is_whole = body is None or has_no_duplicates(body, obj)
        node = self.node(gvk)
        if node.kind is Kind.STRUCT:
            try:
                _check_struct(node, obj, (), report, prune)
            except _RefusedError as refused:
                report.errors.append(refused.told(node))
        if body is None:
            report.strict_errors = list_unknown_fields(report.unknown_fields)
        elif report.unknown_fields or not is_whole:
            report.strict_errors = list_strict_errors(body, report.unknown_fields)[:_STRICT_ERRORS]
        return report

    def merge_key(self, gvk: Gvk, *path: str) -> str | None:
        """Strategic merge key of the list at a path of field names, None where there is none."""
        node: Node | None = self.node(gvk)
        for name in path:
            while node is not None and node.kind is Kind.LIST:
                node = node.item
            node = node.fields.get(name) if node is not None else None
        return node.merge_key if node is not None else None


@cache
def builtin() -> Schema:
    """The schema of the built-in kinds, loaded once a process (some 15 ms)."""
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
    dropped: list[str] | None = None
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
            dropped = [*(dropped or ()), name]
    for name in dropped or ():
        del value[name]


def _check_value(owner: Node, node: Node, value: Any, path: _Path, report: SchemaReport, prune: bool) -> Any:
    """The value as encoding would show it. Raises _RefusedError."""
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
            # Keys of a map are not part of the paths in Go's errors, only of unknown fields' paths.
            new = _check_value(owner, item, held, (path, key, True), report, prune)
        if prune and new is not held:
            value[key] = new


def _zero_of_null(node: Node) -> Any:
    """What Go leaves for a null in a list or map."""
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
    kind, given = node.kind, type(value)
    if kind is Kind.STRING:
        fits = given is str
    elif kind is Kind.BOOL:
        fits = given is bool
    elif kind is Kind.INT32:
        fits = given is int and -_INT32 <= value < _INT32
    elif kind is Kind.INT64:
        fits = given is int and -_INT64 <= value < _INT64
    elif kind is Kind.NUMBER:
        fits = given is int or given is float
    else:
        return _check_special(owner, node, value, path)
    if not fits:
        raise _mismatch(owner, node, path, value)
    return value


def _check_special(owner: Node, node: Node, value: Any, path: _Path) -> Any:
    """The value of a type that is written as another one, in canonical form."""
    if node.kind is Kind.INT_OR_STRING:
        if type(value) is str or (type(value) is int and -_INT32 <= value < _INT32):
            return value
        raise _RefusedError(f"json: cannot unmarshal {_json_type_name(value)} into Go value of type int32")
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
        raise _RefusedError(f"json: cannot unmarshal {_json_type_name(value)} into Go value of type string")
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


def _json_type_name(value: Any) -> str:
    """How Go's decoder names a JSON value in its errors."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object" if isinstance(value, dict) else "array"


def _mismatch(owner: Node, node: Node, path: _Path, value: Any) -> _MismatchError:
    given = _json_type_name(value)
    if given == "number" and node.kind in {Kind.INT32, Kind.INT64}:
        given = f"number {value}"
    return _MismatchError(owner, given, path)


def _format_path(path: _Path) -> str:
    steps: list[str] = []
    while path:
        step = path[1]
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        path = path[0]
    return "".join(reversed(steps)).removeprefix(".")
