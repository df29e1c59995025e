"""Values as upstream's server holds them inside, for refusals that show them: its Go types have other names.

internal_types.txt has a line a type: its definition's name without "io.k8s.", then its fields in order, each
SHOWN[/WIRE]:ZERO[?]. WIRE: the name on the wire where it is not SHOWN with a small first letter. ZERO: s "",
i 0, b false, n null, q "0" (a quantity), {} a struct; with ? a zero is left out. +NAME: the fields of the
struct under that name stand among the type's own.
Source: the Go types of pkg/apis; apimachinery/pkg/util/diff (a unified diff of JSON).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError, Verbatim
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node

_ZEROS: Final[dict[str, Any]] = {"s": "", "i": 0, "b": False, "n": None, "q": "0"}
#: In a path: a place or a key.
_BRACKETS: Final = re.compile(r"\[[^\]]*\]")
_HOLDERS: Final = (Kind.LIST, Kind.MAP)
_PREFIX: Final = "io.k8s."
#: JSON that is held as it was sent.
_RAW: Final = ".RawExtension"
_ESCAPED: Final = {each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
#: Of a pod's spec on the wire, of its security context inside.
_HOST: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")


class _Field(NamedTuple):
    shown: str
    wire: str
    zero: str
    optional: bool
    inline: bool


def retold(errors: Iterable[FieldError], node: Node) -> list[FieldError]:
    """The same errors of an object of that type, each document in them as the type of its field shows it."""
    return [each if each.document is None else _retold(each, node) for each in errors]


def _retold(error: FieldError, node: Node) -> FieldError:
    owner = ANY_NODE
    for name in _BRACKETS.sub("", error.field).split("."):
        while node.kind in _HOLDERS:
            node = node.item or ANY_NODE
        owner, node = node, node.fields.get(name, ANY_NODE)
    kinds: tuple[Kind, ...] = (Kind.LIST,)
    if isinstance(error.document, dict):
        kinds = (Kind.STRUCT, Kind.MAP)
        while node.kind is Kind.LIST:
            node = node.item or ANY_NODE
        if node.item and node.item.kind is Kind.STRUCT and error.field.endswith("]"):
            node = node.item
        if node.kind not in kinds and owner.fields.keys() >= error.document.keys():
            # Some rules show the whole of which a field is wrong.
            node = owner
    if node.kind not in kinds:
        return error
    text = shown(error.document, node)
    return replace(error, detail=error.detail.replace(field.shown(error.document), text, 1))


def at(gvk: object_schema.Gvk, *path: str) -> Node:
    """The type of a kind's field; of a list its items'."""
    node = object_schema.builtin().node(gvk)
    for name in path:
        node = node.fields[name]
        node = node.item or ANY_NODE if node.kind is Kind.LIST else node
    return node


def shown(value: Any, node: Node) -> Verbatim:
    """What a refusal shows of a value that is not right."""
    return Verbatim(_json(inside(value, node)))


def part(node: Node, name: str) -> Node:
    """The type of that name whose fields stand among those of another on the wire."""
    found = Node(Kind.STRUCT)
    found.name = name
    found.definition = node.definition.removesuffix(node.name) + name
    found.fields = node.fields
    return found


def difference(old: Any, new: Any, node: Node) -> str:
    """The lines of two values in which they differ, three around them; ends with a new line."""
    before, after = (_json(inside(value, node), indent=1).split("\n") for value in (old, new))
    lines = list(difflib.unified_diff(before, after, n=3, lineterm=""))
    return "".join(f"{line}\n" for line in lines[2:])


def differing_lists(old: list[Any], new: list[Any], item: Node) -> str:
    """The same of two lists."""
    node = Node(Kind.LIST)
    node.item = item
    return difference(old, new, node)


def inside(value: Any, node: Node) -> Any:
    """The JSON document of the internal type for a value as it is on the wire; fields in their order."""
    if node.kind is Kind.LIST and isinstance(value, list):
        return [inside(each, node.item or ANY_NODE) for each in value]
    if not isinstance(value, dict) or node.definition.endswith(_RAW):
        return value
    if node.kind is not Kind.STRUCT or (fields := _types().get(node.definition)) is None:
        item = node.item or ANY_NODE
        return {name: inside(value[name], node.fields.get(name, item)) for name in sorted(value)}
    if node.name == "PodSpec":
        value = _with_host(value)
    document: JsonObject = {}
    for each in fields:
        kind = node.fields.get(each.wire, ANY_NODE)
        held = value.get(each.wire)
        if each.inline:
            document |= inside(held or {}, kind)
        elif held is None:
            if not each.optional:
                document[each.shown] = inside({}, kind) if each.zero == "{}" else _ZEROS[each.zero]
        elif not each.optional or held or not _is_zero(held, kind, each):
            document[each.shown] = inside(held, kind)
    return document


def _is_zero(held: Any, kind: Node, each: _Field) -> bool:
    """A pointer to a zero is none."""
    return each.zero != "n" or held == [] or (held == {} and kind.kind is Kind.MAP)


def _with_host(spec: JsonObject) -> JsonObject:
    moved = {name: spec[name] for name in _HOST if spec.get(name) is not None}
    return spec | {"securityContext": (spec.get("securityContext") or {}) | moved}


def _json(document: Any, indent: int | None = None) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=separators)
    return "".join(_ESCAPED.get(each, each) for each in text)


@cache
def _types() -> dict[str, list[_Field]]:
    text = files(__package__).joinpath("internal_types.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines())
    return {_PREFIX + name: [_field(word) for word in words] for name, *words in lines}


def _field(word: str) -> _Field:
    if word.startswith("+"):
        return _Field("", word[1:], "{}", optional=False, inline=True)
    name, _, zero = word.partition(":")
    shown, _, wire = name.partition("/")
    wire = wire or shown[0].lower() + shown[1:]
    return _Field(shown, wire, zero.rstrip("?"), optional=zero.endswith("?"), inline=False)
