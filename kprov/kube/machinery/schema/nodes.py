"""Types of fields, compiled from OpenAPI definitions. Checks, patches and apply walk them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from kprov.kube.machinery.schema.definitions import Definitions

_REF: Final = "#/$defs/"


class Kind(IntEnum):
    """The kind of a JSON value, as upstream's decoder distinguishes them."""

    STRUCT = 0
    MAP = 1
    LIST = 2
    STRING = 3
    BOOL = 4
    INT32 = 5
    INT64 = 6
    NUMBER = 7
    QUANTITY = 8
    INT_OR_STRING = 9
    TIME = 10
    MICRO_TIME = 11
    BYTES = 12
    ANY = 13
    #: A quantity that is rounded up to thousandths.
    MILLI_QUANTITY = 14


_SPECIAL: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Kind.QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Kind.INT_OR_STRING,
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": Kind.TIME,
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": Kind.MICRO_TIME,
}
_GO_NAMES: Final = {
    Kind.STRING: "string",
    Kind.BOOL: "bool",
    Kind.INT32: "int32",
    Kind.INT64: "int64",
    Kind.NUMBER: "float64",
    Kind.QUANTITY: "resource.Quantity",
    Kind.MILLI_QUANTITY: "resource.Quantity",
    Kind.INT_OR_STRING: "intstr.IntOrString",
    Kind.TIME: "v1.Time",
    Kind.MICRO_TIME: "v1.MicroTime",
    Kind.BYTES: "[]uint8",
    Kind.ANY: "interface {}",
}
_CORE: Final = "io.k8s.api.core.v1."
#: Defaults of map keys that upstream sets before it looks items up.
KEY_DEFAULTS: Final = {"protocol": "TCP"}


class Node:
    """The type of one field.

    kind: see Kind. name: of a STRUCT, upstream's type name ("PodSpec").
    definition: its full name. fields: of a STRUCT, by wire name.
    item: the elements of a LIST or values of a MAP; of a STRUCT, the fields that are not named, None if there
    are none. list_type: "atomic", "set" or "map"; map_keys: of "map".
    merge_key and strategies: strategic merge patch's ("merge", "retainKeys", "replace").
    atomic: server-side apply takes the STRUCT or MAP as one value. has_kind: it is the type of an API kind.
    """

    __slots__ = (
        "atomic",
        "definition",
        "fields",
        "has_kind",
        "item",
        "kind",
        "list_type",
        "map_keys",
        "merge_key",
        "name",
        "package",
        "required",
        "strategies",
    )

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = ""
        self.package = ""
        self.definition = ""
        self.fields: dict[str, Node] = {}
        self.item: Node | None = None
        self.required: tuple[str, ...] = ()
        self.list_type = "atomic"
        self.map_keys: tuple[str, ...] = ()
        self.merge_key: str | None = None
        self.strategies: frozenset[str] = frozenset()
        self.atomic = False
        self.has_kind = False

    @property
    def go_name(self) -> str:
        """Name of the Go type in decoding errors."""
        if self.kind is Kind.STRUCT:
            return f"{self.package}.{self.name}"
        if self.kind is Kind.LIST:
            return f"[]{self.item.go_name if self.item else ''}"
        if self.kind is Kind.MAP:
            return f"map[string]{self.item.go_name if self.item else ''}"
        return _GO_NAMES[self.kind]

    def __repr__(self) -> str:
        return f"<Node {self.go_name}>"


#: Values of no known type: custom resources without a schema, raw extensions.
ANY_NODE: Final = Node(Kind.ANY)


class Compiler:
    """Turns definitions into Nodes, one definition at a time, each once."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._nodes: dict[str, Node] = {}

    def definition(self, name: str) -> Node:
        """Return the node of a definition; KeyError for an unknown name."""
        node = self._nodes.get(name)
        if node is None:
            raw = self._definitions[name]
            node = Node(_SPECIAL.get(name) or _find_kind(raw))
            *_, node.package, node.name = name.split(".")
            node.definition = name
            node.has_kind = "x-kubernetes-group-version-kind" in raw
            self._nodes[name] = node  # before its fields: types may be recursive
            self._fill(node, raw)
        return node

    def node(self, raw: dict[str, Any]) -> Node:
        """Return the node of a schema within a definition (a property, items ...)."""
        reference = raw.get("$ref")
        if reference is None:
            node = Node(_find_kind(raw))
            self._fill(node, raw)
            return node
        target = self.definition(reference.removeprefix(_REF))
        if not any(key.startswith("x-") for key in raw):
            return target
        node = _copy(target)
        self._extensions(node, raw)
        return node

    def _fill(self, node: Node, raw: dict[str, Any]) -> None:
        self._extensions(node, raw)
        node.required = tuple(raw.get("required", ()))
        if node.kind is Kind.STRUCT:
            for name, field in raw["properties"].items():
                node.fields[name] = made = self.node(field)
                if made.kind is Kind.MAP and node.definition.startswith(_CORE):
                    _use_milli_quantities(made)
        elif node.kind is Kind.MAP:
            node.item = self.node(raw["additionalProperties"])
        elif node.kind is Kind.LIST:
            node.item = self.node(raw["items"])
        elif node.kind is Kind.ANY:
            node.atomic = True  # apply treats an object of unknown type as one value

    @staticmethod
    def _extensions(node: Node, raw: dict[str, Any]) -> None:
        node.list_type = raw.get("x-kubernetes-list-type", node.list_type)
        node.map_keys = tuple(raw.get("x-kubernetes-list-map-keys", node.map_keys))
        node.merge_key = raw.get("x-kubernetes-patch-merge-key", node.merge_key)
        if strategy := raw.get("x-kubernetes-patch-strategy"):
            node.strategies = frozenset(strategy.split(","))
        if "x-kubernetes-map-type" in raw:
            node.atomic = raw["x-kubernetes-map-type"] == "atomic"


def _copy(node: Node) -> Node:
    made = Node(node.kind)
    for slot in Node.__slots__:
        setattr(made, slot, getattr(node, slot))
    return made


def _use_milli_quantities(map_: Node) -> None:
    """Core's maps of quantities are resource lists, in thousandths. Source: pkg/apis/core/v1/defaults.go."""
    if map_.item is not None and map_.item.kind is Kind.QUANTITY:
        map_.item = _copy(map_.item)
        map_.item.kind = Kind.MILLI_QUANTITY


def _find_kind(raw: dict[str, Any]) -> Kind:
    kinds = raw.get("type", "object" if "properties" in raw else "")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        if "properties" in raw:
            return Kind.STRUCT
        return Kind.MAP if isinstance(raw.get("additionalProperties"), dict) else Kind.ANY
    if kind == "array":
        return Kind.LIST
    if kind == "string":
        return Kind.BYTES if raw.get("format") == "byte" else Kind.STRING
    if kind == "integer":
        return Kind.INT64 if raw.get("format") == "int64" else Kind.INT32
    return {"boolean": Kind.BOOL, "number": Kind.NUMBER}.get(kind, Kind.ANY)
