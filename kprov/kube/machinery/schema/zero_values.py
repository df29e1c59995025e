"""What Go leaves out of an object and what it writes anyway: zero values and omitempty.

zero_values.txt has a line a type: its definition's name without "io.k8s.", then the fields of which a zero
is not left out. NAME: a pointer, so that zero differs from absent. NAME=ZERO: written always; ZERO is s "",
i 0, b false, n null, q "0" (a quantity), {} a struct. Fields not named are left out where they are
zero.
Source: the Go types of staging/src/k8s.io/api, apimachinery, apiextensions-apiserver, kube-aggregator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.nodes import Kind, Node

#: Where an empty list or map was: its owner, its name, itself.
Emptied = tuple[JsonObject, str, Any]

_ZEROS: Final[dict[str, Any]] = {"s": "", "i": 0, "b": False, "n": None, "q": "0"}
_PREFIX: Final = "io.k8s."


class Fields:
    """Of one type. written: the zeros of fields that are there always. kept: fields whose zero is a value."""

    __slots__ = ("kept", "structs", "written")

    def __init__(self, words: list[str]) -> None:
        pairs = [word.partition("=") for word in words]
        self.written = {name: _ZEROS[zero] for name, equals, zero in pairs if equals and zero != "{}"}
        self.structs = frozenset(name for name, _, zero in pairs if zero == "{}")
        self.kept = frozenset(name for name, _, _ in pairs)


@cache
def _types() -> dict[str, Fields]:
    text = files(__package__).joinpath("zero_values.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines())
    return {words[0]: Fields(words[1:]) for words in lines}


@cache
def of(node: Node) -> Fields | None:
    """None for types that are not known: custom resources, schemas of schemas."""
    return _types().get(node.definition.removeprefix(_PREFIX)) if node.kind is Kind.STRUCT else None


def of_definition(name: str) -> Fields | None:
    """Of a type by upstream's whole name."""
    return _types().get(name.removeprefix(_PREFIX))


def normalize(value: JsonObject, node: Node) -> list[Emptied]:
    """Change an object in place to what decoding into Go's types and encoding again would give.

    Gives the empty lists and maps that went, for put_back.
    """
    gone: list[Emptied] = []
    _normalize(value, node, gone)
    return gone


def put_back(gone: Sequence[Emptied]) -> None:
    """What a client gave as empty is there again, where nothing has come in its place: refusals show it."""
    for owner, name, held in gone:
        if owner.get(name) is None:
            owner[name] = held


@contextmanager
def shown_empty(gone: Sequence[Emptied]) -> Iterator[None]:
    """Lists that were given as empty are so again meanwhile, where null stands for them: they have owners."""
    lists = [(owner, name, held) for owner, name, held in gone if name in owner and owner[name] is None]
    for owner, name, held in lists:
        owner[name] = held
    try:
        yield
    finally:
        for owner, name, _ in lists:
            owner[name] = None


def _normalize(value: JsonObject, node: Node, gone: list[Emptied]) -> None:
    fields = of(node)
    if fields is None:
        if node.kind is Kind.STRUCT:
            for name, held in value.items():
                _descend(held, node.fields.get(name), gone)
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
    for name, zero in fields.written.items():
        if name not in value:
            value[name] = zero
    for name in fields.structs:
        if value.get(name) is None and name in node.fields:
            value[name] = zero_of(node.fields[name])


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


def zero_of(node: Node) -> JsonObject:
    """The object that Go's zero value of a struct is encoded to; a new one each time."""
    fields = of(node)
    if fields is None:
        return {}
    zero = dict(fields.written)
    for name in fields.structs:
        if name in node.fields:
            zero[name] = zero_of(node.fields[name])
    return zero
