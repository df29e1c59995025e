"""An object in each version that its managers use.

Source: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/versionconverter.go,
sigs.k8s.io/structured-merge-diff/v6/{merge/update,typed/reconcile_schema}.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kprov.kube.machinery.conversion import table
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import cache_short
from kprov.kube.machinery.managed_fields import field_set
from kprov.kube.machinery.managed_fields.entries import Managers
from kprov.kube.machinery.managed_fields.field_set import FieldSet, Path
from kprov.kube.machinery.managed_fields.structured_merge import (
    StructuredMergeError,
    child_node,
    compare,
)
from kprov.kube.machinery.resources import api_version, split_api_version
from kprov.kube.machinery.schema import object_schema, zero_values
from kprov.kube.machinery.schema.kind_types import KindTypes
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node
from kprov.kube.machinery.schema.versioned_types import VersionedTypes


@dataclass(frozen=True, slots=True)
class Versioned:
    """An object and its apiVersion ("autoscaling/v2")."""

    version: str
    document: JsonObject


class KindVersions:
    """The versions of one kind, by apiVersion."""

    def __init__(self, gvk: object_schema.Gvk, types: KindTypes | None = None) -> None:
        self.own = api_version(*gvk[:2])
        self._types: KindTypes = types or object_schema.builtin()
        self.node = self._types.node(gvk)
        self._gvk = gvk
        self._conversions = types if isinstance(types, VersionedTypes) else table

    def node_of(self, version: str) -> Node | None:
        """Return the type of the kind in a version. None if that version does not serve the kind.

        Versions of another group do not count, so that managers of an event never mix its two groups.
        """
        if version == self.own:
            return self.node
        group, _ = split_api_version(version)
        gvk = (*split_api_version(version), self._gvk[2])
        known = group == self._gvk[0] and self._conversions.is_convertible(self._gvk, gvk)
        return self._types.node(gvk) if known else None

    def convert(self, obj: Versioned, version: str) -> Versioned:
        """Convert to a served version. The same object if it is in that version."""
        if obj.version == version:
            return obj
        gvks = [(*split_api_version(text), self._gvk[2]) for text in (obj.version, version)]
        document = self._conversions.convert(obj.document, *gvks)
        zero_values.normalize(document, self._types.node(gvks[1]))
        return Versioned(version, document)

    def reconcile(self, managers: Managers) -> Managers:
        """Remove managers of versions that are not served. Replace paths within atomic fields by the field.

        Raises StructuredMergeError for an invalid version.
        """
        served_managers: Managers = {}
        for key, entry in managers.items():
            if entry.version.count("/") > 1:
                raise StructuredMergeError(f"unexpected GroupVersion string: {entry.version}")
            node = self.node_of(entry.version)
            if node is None:
                continue
            inner = {path: head for path in entry.fields if (head := _find_atomic_head(node, path))}
            whole = (entry.fields - set(inner)) | set(inner.values())
            served_managers[key] = replace(entry, fields=whole) if inner else entry
        return served_managers


class Differences:
    """The differences between two objects, in each requested version."""

    def __init__(self, kind: KindVersions, old: JsonObject, new: JsonObject, ignored: Iterable[Path]) -> None:
        """old, new: in the kind's own version. ignored: paths that never count as differences."""
        self._kind = kind
        self._old, self._new = Versioned(kind.own, old), Versioned(kind.own, new)
        self._ignored = tuple(ignored)
        self._differences: dict[str, tuple[FieldSet, FieldSet]] = {}

    def in_version(self, version: str) -> tuple[FieldSet, FieldSet]:
        """Return the paths that were set and that were removed. Raises StructuredMergeError."""
        differences = self._differences.get(version)
        if differences is None:
            node = self._kind.node_of(version)
            assert node is not None, "owners in other versions are gone before"
            old = self._kind.convert(self._old, version).document
            new = self._kind.convert(self._new, version).document
            changes = compare(node, old, new)
            differences = self._differences[version] = (
                field_set.exclude(changes.modified | changes.added, self._ignored),
                field_set.exclude(changes.removed, self._ignored),
            )
        return differences


@cache_short(maxsize=1 << 16)
def _find_atomic_head(node: Node, path: Path) -> Path | None:
    """Return the atomic field that a path is within, None if there is none."""
    for index, step in enumerate(path):
        if node.atomic or (node.kind is Kind.LIST and node.list_type == "atomic"):
            return path[:index]
        node = child_node(node, step[2:]) if step[0] == "f" else (node.item or ANY_NODE)
        if node is ANY_NODE:
            return None
    return None
