"""What Go omits when it writes an object, and what it writes always: zero values, omitempty and omitzero.

Derived from the Go types of upstream's API (machinery/upstream).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.nodes import Kind, Node
from kprov.kube.machinery.upstream import api_types
from kprov.kube.machinery.upstream.api_types import GoField

#: An empty list or map that was removed: the object that had it, the field's name, the value.
Emptied = tuple[JsonObject, str, Any]

_PREFIX: Final = "io.k8s."
#: The zero of a struct that is always written: an object with the zeros of its own fields.
_STRUCT: Final = object()
_SCALARS: Final[dict[str, Any]] = {"string": "", "bool": False, "float64": 0.0}
#: What types that write their own JSON make of their zero. The others write null.
_CUSTOM: Final[dict[str, Any]] = {
    "apimachinery.pkg.api.resource.Quantity": "0",
    "apimachinery.pkg.util.intstr.IntOrString": 0,
}
#: Lists that keep an empty value although Go omits it. Rules of autoscalers reject empty policies.
_KEPT_WHEN_EMPTY: Final = {"api.autoscaling.v2.HPAScalingRules": ("policies",)}
#: Types that are stored as they are sent: schemas in custom resource definitions.
_UNCHANGED: Final = frozenset({"apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"})


class Fields:
    """The fields of one type whose zero value is not omitted.

    written: zeros of fields that are always written. structs: the same for structs. kept: names of all fields
    whose zero is a value, which includes pointers.
    """

    __slots__ = ("kept", "structs", "written")

    def __init__(self, zeros: dict[str, Any], pointers: Iterable[str]) -> None:
        self.written = {name: zero for name, zero in zeros.items() if zero is not _STRUCT}
        self.structs = frozenset(name for name, zero in zeros.items() if zero is _STRUCT)
        self.kept = frozenset((*zeros, *pointers))


def fields_of(node: Node) -> Fields | None:
    """Return the fields of a struct. None for unknown types: custom resources, JSON schemas."""
    return fields_of_definition(node.definition) if node.kind is Kind.STRUCT else None


@cache
def fields_of_definition(name: str) -> Fields | None:
    """Return the same for a definition by its full name."""
    name = name.removeprefix(_PREFIX)
    described = None if name in _UNCHANGED else api_types.find(name)
    if described is None or described.custom:
        return None
    fields = list(api_types.flatten(described))
    zeros = {field.name: _zero_of_type(field.go_type) for field in fields if _is_written(field)}
    pointers = [field.name for field in fields if field.go_type.startswith("*")]
    return Fields(zeros, (*pointers, *_KEPT_WHEN_EMPTY.get(name, ())))


def _is_written(field: GoField) -> bool:
    """Whether Go writes the field even when it is zero. omitempty has no effect on structs."""
    if field.omitzero:
        return False
    return not field.omitempty or api_types.is_named(api_types.resolve(field.go_type))


def _zero_of_type(go_type: str) -> Any:
    base = api_types.resolve(go_type)
    if base in api_types.INTEGERS:
        return 0
    if api_types.is_named(base):
        return _STRUCT if api_types.is_struct(base) else _CUSTOM.get(base)
    return _SCALARS.get(base)


def normalize(value: JsonObject, node: Node) -> list[Emptied]:
    """Change an object in place as decoding into Go's types and encoding again would.

    Return the removed empty lists and maps, for restore_emptied.
    """
    gone: list[Emptied] = []
    _normalize(value, node, gone)
    return gone


def restore_emptied(gone: Sequence[Emptied]) -> None:
    """Restore empty values that nothing has replaced, since error messages show them."""
    for owner, name, held in gone:
        if owner.get(name) is None:
            owner[name] = held


@contextmanager
def restore_empty_lists(gone: Sequence[Emptied]) -> Iterator[None]:
    """Restore empty lists that became null, within the context: the fields of empty lists have owners."""
    lists = [(owner, name, held) for owner, name, held in gone if name in owner and owner[name] is None]
    for owner, name, held in lists:
        owner[name] = held
    try:
        yield
    finally:
        for owner, name, _ in lists:
            owner[name] = None


def _normalize(value: JsonObject, node: Node, gone: list[Emptied]) -> None:
    fields = fields_of(node)
    if fields is None:
        _normalize_unknown(value, node, gone)
        return
    dropped: list[str] | None = None
    for name, held in value.items():
        if type(held) is dict or type(held) is list:
            _descend(held, node.fields.get(name), gone)
        if not held and name not in fields.kept and (held is not None or name in node.fields):
            dropped = [*(dropped or ()), name]
        elif held == [] and name in fields.written and node.fields[name].kind is Kind.LIST:
            value[name] = None
            gone.append((value, name, held))
    for name in dropped or ():
        held = value.pop(name)
        if type(held) is dict or type(held) is list:
            gone.append((value, name, held))
    _write_zeros(value, node, fields)


def _normalize_unknown(value: JsonObject, node: Node, gone: list[Emptied]) -> None:
    """Normalize what is within a struct of which only the schema is known."""
    if node.kind is Kind.STRUCT:
        for name, held in value.items():
            _descend(held, node.fields.get(name), gone)


def _write_zeros(value: JsonObject, node: Node, fields: Fields) -> None:
    for name, zero in fields.written.items():
        if name not in value:
            value[name] = zero
    for name in fields.structs:
        if value.get(name) is None and name in node.fields:
            value[name] = make_zero(node.fields[name])


def _descend(value: Any, node: Node | None, gone: list[Emptied]) -> None:
    if node is None:
        return
    if node.kind is Kind.STRUCT:
        if type(value) is dict:
            _normalize(value, node, gone)
    elif node.kind is Kind.LIST:
        assert node.item is not None
        if node.item.kind in {Kind.STRUCT, Kind.MAP}:
            for item in value:
                _descend(item, node.item, gone)
    elif node.kind is Kind.MAP and type(value) is dict:
        for item in value.values():
            if type(item) is dict:
                _descend(item, node.item, gone)


def make_zero(node: Node) -> JsonObject:
    """Return a new object: the JSON of a struct's zero value."""
    fields = fields_of(node)
    if fields is None:
        return {}
    zero = dict(fields.written)
    for name in fields.structs:
        if name in node.fields:
            zero[name] = make_zero(node.fields[name])
    return zero
