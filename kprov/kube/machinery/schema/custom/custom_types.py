"""The types of one version of a definition: what its schema does to objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.go_text.duplicate_fields import has_no_duplicates, list_strict_errors
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom import embedded, list_types, values
from kprov.kube.machinery.schema.custom.defaults import set_defaults
from kprov.kube.machinery.schema.custom.node_tree import build_root
from kprov.kube.machinery.schema.custom.pruning import prune
from kprov.kube.machinery.schema.custom.structural import Compiler
from kprov.kube.machinery.schema.nodes import ANY_NODE, Node
from kprov.kube.machinery.schema.object_schema import Gvk, SchemaReport

#: A walk needs up to 2.7 us a byte, an evaluation of a rule about 30 us. A write of a built-in kind needs
#: 0.4 us a byte.
_WALK_WEIGHT: Final = 5
_RULES_WEIGHT: Final = 8

MetadataCheck = Callable[[JsonObject], list[FieldError]]


class CustomTypes:
    """One version of a definition. Building it may take long: a schema has up to 1.5 MB.

    `default` and `validate` expect a pruned object. `cost` estimates the time of all steps together, so that
    the caller can give long ones to a thread.
    """

    def __init__(
        self,
        gvk: Gvk,
        schema: JsonObject | None,
        *,
        preserve_unknown: bool = False,
        compiler: Compiler | None = None,
    ) -> None:
        """Compile an openAPIV3Schema, which is structural unless preserve_unknown. Raise SchemaError.

        compiler: that of the other versions, whose levels are often the same.
        """
        self._gvk = gvk
        self.structural = None if schema is None else (compiler or Compiler()).compile(schema)
        self._prunes = not preserve_unknown
        self._node = build_root(None if preserve_unknown else self.structural, gvk[2])
        self._status = None if self.structural is None else self.structural.properties.get("status")

    def node(self, gvk: Gvk) -> Node:
        """Return the type of the kind. ANY_NODE for another kind."""
        return self._node if gvk == self._gvk else ANY_NODE

    @property
    def weight(self) -> int:
        """How many times as much CPU time a byte of an object needs at most as one of a built-in kind."""
        if self.structural is None:
            return 1
        return _WALK_WEIGHT * self.structural.weight + (_RULES_WEIGHT if self.structural.has_rules else 0)

    def prune(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        """Remove unknown fields and nulls in place, and decode metadata. See object_schema.Schema.prune."""
        report = SchemaReport()
        if body is not None and not has_no_duplicates(body, obj):
            report.strict_errors = list_strict_errors(body, ())
        try:
            unknown = embedded.clean_metadata(obj)
        except embedded.MetadataError as error:
            report.errors.append(str(error))
            return report
        if gvk == self._gvk and self.structural is not None:
            if self._prunes:
                unknown += prune(obj, self.structural)
            inner, fault = embedded.coerce(obj, self.structural)
            if fault is not None:
                report.errors.append(f"{fault.field}: {fault.detail}")
            unknown += sorted(inner)
        report.unknown_fields = unknown
        report.strict_errors += [f'unknown field "{name}"' for name in unknown]
        return report

    def restore(self, obj: JsonObject) -> None:
        """Bring an object from storage in line with the present schema, in place.

        Unknown fields and metadata of wrong types are dropped, and defaults set.
        """
        embedded.repair_metadata(obj)
        if self.structural is not None:
            if self._prunes:
                prune(obj, self.structural)
            embedded.repair(obj, self.structural)
            self.default(obj)

    def default(self, obj: JsonObject) -> None:
        """Set defaults in place."""
        if self.structural is not None:
            set_defaults(obj, self.structural)

    def validate(
        self, obj: JsonObject, old: JsonObject | None = None, *, check_metadata: MetadataCheck | None = None
    ) -> list[FieldError]:
        """Return the broken rules of the schema, without those that an unchanged value breaks.

        check_metadata: yields the errors of the metadata of resources within the object.
        """
        schema = self.structural
        if schema is None:
            return []
        if old is None:
            errors = values.find_errors(schema, obj)
        else:
            errors = values.find_update_errors(schema, obj, old)
        errors += embedded.find_errors(obj, schema, check_metadata)
        if old is None or next(list_types.find_errors(old, schema), None) is None:
            errors += list_types.find_errors(obj, schema)
        return errors

    def validate_status(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Return the broken rules of an update of the status subresource."""
        if self._status is None or "status" not in obj:
            return []
        return values.find_update_errors(self._status, obj["status"], old.get("status"), "status")
