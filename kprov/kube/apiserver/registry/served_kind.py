"""Everything that handlers know of a resource in one of its versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.machinery.conversion.table import Conversion
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_ownership import without_managed_fields
from kprov.kube.machinery.printers.tables import KindColumns
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema.kind_types import KindTypes


@dataclass(frozen=True, slots=True, eq=False)
class ServedKind:
    """A resource whose objects are not stored, such as a review."""

    resource: Resource
    types: KindTypes


@dataclass(frozen=True, slots=True, eq=False)
class StoredKind(ServedKind):
    """A resource in the version of a request, over the store with the stored version.

    `conversion` is None for most resources: clients get the stored bytes. The other traits are those of
    custom resources. `labels`: what field selectors accept, with the field of stored objects. `warnings`: for
    each request. `schema`: for documents, encoded, because most of it are descriptions that are seldom read.
    `schema_digest`: of it. `weight`: how many times as much CPU time a byte
    of an object needs at most as one of a built-in kind. `restore`: what a read does to an object of the
    stored version, where versions have schemas of their own.
    """

    store: Store
    conversion: Conversion | None
    labels: Mapping[str, str] | None = None
    columns: KindColumns | None = None
    warnings: tuple[str, ...] = ()
    schema: bytes | None = None
    schema_digest: str = ""
    weight: int = 1
    restore: Callable[[JsonObject], None] | None = None

    @property
    def is_stored(self) -> bool:
        """Whether clients get objects as they are stored."""
        return self.conversion is None

    def decode_entry(self, entry: Entry) -> JsonObject:
        """Decode a cache entry to a new object in the client's version."""
        return self.to_client(self.store.cache.decode(entry))

    def convert_entry(self, entry: Entry, *, as_stored: bool) -> JsonObject:
        """Decode a cache entry: in the stored version for tables and metadata, else in the client's."""
        obj = self.store.cache.decode(entry)
        return obj if as_stored else self.to_client(obj)

    def to_stored(self, obj: JsonObject) -> JsonObject:
        """Convert from the client's version to the stored one."""
        return obj if self.conversion is None else self.conversion.to_stored(obj)

    def merge_applied(self, old: JsonObject | None, shown: JsonObject | None, obj: JsonObject) -> JsonObject:
        """Convert the result of an apply. old, shown: the object in the stored and the client's version.

        An apply that only changes owners keeps the stored object, because a conversion there and back may
        change the order of lists.
        """
        if self.conversion is None or old is None or shown is None:
            return self.to_stored(obj)
        if without_managed_fields(shown) != without_managed_fields(obj):
            return self.to_stored(obj)
        kept = without_managed_fields(old)
        if "managedFields" in obj["metadata"]:
            kept["metadata"]["managedFields"] = obj["metadata"]["managedFields"]
        return kept

    def convert_written(self, obj: JsonObject) -> JsonObject:
        """Convert the result of a write to the client's version, with the fields that a read shows."""
        if self.restore is not None and obj.get("kind") == self.store.resource.kind:
            self.restore(obj)
        return self.to_client(obj)

    def to_client(self, obj: JsonObject) -> JsonObject:
        """Convert from the stored version to the client's. A Status does not change."""
        if self.conversion is None or obj.get("kind") != self.store.resource.kind:
            return obj
        return self.conversion.to_served(obj)
