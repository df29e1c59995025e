"""A structural schema, compiled for walks over objects.

Most levels of a large schema occur many times: a definition of kyverno has 9,869 levels, 470 of them
distinct. `Compiler` makes equal levels the same object, whatever their descriptions say.

Source: apiextensions-apiserver pkg/apiserver/schema/structural.go, validation/formats.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import re2

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom import formats

#: Deeper schemas are refused: walks recurse.
MAX_DEPTH: Final = 150
#: Stands for a default that is absent. Null is no default, as in upstream.
ABSENT: Final = object()
_NO_VALUES: Final[Sequence[Any]] = ()
_NONE: Final[Mapping[str, Any]] = {}
_SCALARS: Final = (str, int, float, bool)
#: Keywords that hold other levels, and those that nobody reads.
_NOT_OWN: Final = frozenset(
    {
        "additionalProperties",
        "allOf",
        "anyOf",
        "description",
        "example",
        "externalDocs",
        "items",
        "not",
        "oneOf",
        "properties",
        "title",
    }
)
_INTEGER_FORMATS: Final = frozenset({"int32", "int64"})
_NUMBER_FORMATS: Final = frozenset({"float", "double"})


class SchemaError(ValueError):
    """A schema cannot be compiled."""


class _Inner(NamedTuple):
    """The levels directly below one."""

    properties: Mapping[str, Structural]
    additional: Structural | bool | None
    items: Structural | None
    all_of: Sequence[Structural]
    any_of: Sequence[Structural]
    one_of: Sequence[Structural]
    negated: Structural | None

    def identify(self) -> tuple[Any, ...]:
        """Return what two of them have in common if their levels are the same objects."""
        additional = self.additional
        return (
            tuple((name, id(child)) for name, child in self.properties.items()),
            id(additional) if isinstance(additional, Structural) else (additional,),
            id(self.items),
            *(tuple(map(id, branches)) for branches in (self.all_of, self.any_of, self.one_of)),
            id(self.negated),
        )


class Compiler:
    """Compiles the schemas of one definition."""

    def __init__(self) -> None:
        #: It keeps all levels, so that an identity stands for one of them.
        self._levels: dict[tuple[Any, ...], Structural] = {}

    def compile(self, raw: JsonObject, depth: int = 0) -> Structural:
        """Compile a schema. Raise SchemaError."""
        if depth > MAX_DEPTH:
            raise SchemaError(f"the schema has more than {MAX_DEPTH} levels")
        inner = self._compile_inner(raw, depth + 1)
        own = repr([(name, value) for name, value in raw.items() if name not in _NOT_OWN])
        identity = (own, *inner.identify())
        level = self._levels.get(identity)
        if level is None:
            level = self._levels[identity] = Structural(raw, inner)
        return level

    def _compile_inner(self, raw: JsonObject, depth: int) -> _Inner:
        properties, additional = raw.get("properties"), raw.get("additionalProperties")
        items, negated = raw.get("items"), raw.get("not")
        return _Inner(
            {name: self.compile(held, depth) for name, held in properties.items()} if properties else _NONE,
            self.compile(additional, depth) if isinstance(additional, dict) else additional,
            self.compile(items, depth) if isinstance(items, dict) else None,
            self._compile_all(raw.get("allOf"), depth),
            self._compile_all(raw.get("anyOf"), depth),
            self._compile_all(raw.get("oneOf"), depth),
            self.compile(negated, depth) if isinstance(negated, dict) else None,
        )

    def _compile_all(self, branches: Sequence[JsonObject] | None, depth: int) -> Sequence[Structural]:
        return tuple(self.compile(branch, depth) for branch in branches or ())


def compile_schema(raw: JsonObject) -> Structural:
    """Compile one schema. Raise SchemaError."""
    return Compiler().compile(raw)


class Structural:
    """One level of a schema. Attributes are named after the keywords.

    types: empty if any type is allowed. additional: a schema, True, False, or None if absent.
    has_defaults: whether a level within this one has defaults. has_embedded, has_lists, has_rules: whether
    this level or one within it has embedded resources, lists that are sets or maps, or rules in CEL.
    weight: the number of levels that check the same value.
    """

    __slots__ = (
        "additional",
        "all_of",
        "any_of",
        "default",
        "embedded",
        "enum",
        "enum_texts",
        "exclusive_maximum",
        "exclusive_minimum",
        "format",
        "format_check",
        "has_defaults",
        "has_embedded",
        "has_lists",
        "has_rules",
        "int_or_string",
        "items",
        "list_type",
        "map_keys",
        "map_type",
        "max_items",
        "max_length",
        "max_properties",
        "maximum",
        "min_items",
        "min_length",
        "min_properties",
        "minimum",
        "multiple_of",
        "negated",
        "nullable",
        "one_of",
        "pattern",
        "pattern_error",
        "pattern_text",
        "preserve",
        "properties",
        "required",
        "rules",
        "types",
        "weight",
    )

    def __init__(self, raw: JsonObject, inner: _Inner) -> None:
        """raw: the schema. inner: the levels below, compiled."""
        self.int_or_string = bool(raw.get("x-kubernetes-int-or-string"))
        kind = raw.get("type") or ""
        self.types: tuple[str, ...] = ("integer", "string") if self.int_or_string else (kind,) if kind else ()
        self.nullable = bool(raw.get("nullable"))
        self.preserve = bool(raw.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = bool(raw.get("x-kubernetes-embedded-resource"))
        self.list_type: str = raw.get("x-kubernetes-list-type") or "atomic"
        self.map_keys: tuple[str, ...] = tuple(raw.get("x-kubernetes-list-map-keys") or ())
        self.map_type: str = raw.get("x-kubernetes-map-type") or "granular"
        self.rules: Sequence[JsonObject] = raw.get("x-kubernetes-validations") or _NO_VALUES
        self._read_default(raw)
        self._read_limits(raw)
        self._read_texts(raw)
        self.properties = inner.properties
        self.additional = inner.additional
        self.items = inner.items
        self.all_of, self.any_of, self.one_of = inner.all_of, inner.any_of, inner.one_of
        self.negated = inner.negated
        self._summarize()

    def make_default(self) -> Any:
        """Return a copy of the default."""
        return orjson.loads(self.default) if type(self.default) is bytes else self.default

    def _read_default(self, raw: JsonObject) -> None:
        value = raw.get("default")
        self.default: Any = ABSENT
        if isinstance(value, _SCALARS):
            self.default = value
        elif value is not None:
            self.default = orjson.dumps(value)

    def _read_limits(self, raw: JsonObject) -> None:
        self.required: tuple[str, ...] = tuple(raw.get("required") or ())
        self.maximum: int | float | None = raw.get("maximum")
        self.minimum: int | float | None = raw.get("minimum")
        self.multiple_of: int | float | None = raw.get("multipleOf")
        self.max_length: int | None = raw.get("maxLength")
        self.min_length: int | None = raw.get("minLength")
        self.max_items: int | None = raw.get("maxItems")
        self.min_items: int | None = raw.get("minItems")
        self.max_properties: int | None = raw.get("maxProperties")
        self.min_properties: int | None = raw.get("minProperties")
        self.exclusive_maximum = bool(raw.get("exclusiveMaximum"))
        self.exclusive_minimum = bool(raw.get("exclusiveMinimum"))
        self.enum: Sequence[Any] = raw.get("enum") or _NO_VALUES
        self.enum_texts = frozenset(value for value in self.enum if isinstance(value, str))

    def _read_texts(self, raw: JsonObject) -> None:
        self.pattern_text: str = raw.get("pattern") or ""
        self.pattern: Any = None
        self.pattern_error = ""
        if self.pattern_text:
            options = re2.Options()
            options.log_errors = False
            try:
                self.pattern = re2.compile(self.pattern_text, options)
            except re2.error as error:
                self.pattern_error = str(error)
        name = raw.get("format") or ""
        kind = self.types[0] if len(self.types) == 1 else ""
        self.format: str = name if is_known_format(kind, name) else ""
        self.format_check = formats.CHECKS.get(self.format.replace("-", ""))

    def _summarize(self) -> None:
        inner = [*self.properties.values()]
        inner += [child for child in (self.items, self.additional) if isinstance(child, Structural)]
        self.has_defaults: bool = any(child.default is not ABSENT or child.has_defaults for child in inner)
        self.has_embedded: bool = self.embedded or any(child.has_embedded for child in inner)
        self.has_lists: bool = self.list_type in {"set", "map"} or any(child.has_lists for child in inner)
        branches = [*self.all_of, *self.any_of, *self.one_of]
        branches += [self.negated] if self.negated is not None else []
        self.has_rules: bool = bool(self.rules) or any(child.has_rules for child in (*inner, *self.all_of))
        own = 1 + sum(branch.weight for branch in branches)
        self.weight: int = max([own, *(child.weight for child in inner)])


def is_known_format(kind: str, name: str) -> bool:
    """Whether validation looks at a format of this type. Others are ignored, with a warning."""
    if kind in {"", "string"}:
        return name.replace("-", "") in formats.CHECKS
    if kind == "integer":
        return name in _INTEGER_FORMATS
    return kind == "number" and name in _NUMBER_FORMATS
