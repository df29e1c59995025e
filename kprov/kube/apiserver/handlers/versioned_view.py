"""A resource in the version of a request, over the store with the stored version."""

from __future__ import annotations

from dataclasses import dataclass

from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.negotiation import Form
from kprov.kube.machinery.conversion import table as conversions
from kprov.kube.machinery.conversion.table import Conversion
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_ownership import without_managed_fields
from kprov.kube.machinery.resources import Resource


@dataclass(frozen=True, slots=True)
class VersionedView:
    """`conversion` is None for most resources: clients get the stored bytes."""

    store: Store
    resource: Resource
    conversion: Conversion | None

    @property
    def is_stored(self) -> bool:
        """Whether clients get objects as they are stored."""
        return self.conversion is None

    def decode_entry(self, entry: Entry) -> JsonObject:
        """Decode a cache entry to a new object in the client's version."""
        return self.to_client(self.store.cache.decode(entry))

    def convert_entry(self, entry: Entry, form: Form) -> JsonObject:
        """Decode an entry for a form: in the stored version for tables and metadata, else in the client's."""
        obj = self.store.cache.decode(entry)
        return obj if form.kind else self.to_client(obj)

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

    def to_client(self, obj: JsonObject) -> JsonObject:
        """Convert from the stored version to the client's. A Status does not change."""
        if self.conversion is None or obj.get("kind") != self.store.resource.kind:
            return obj
        return self.conversion.to_served(obj)


def find_view(registry: Registry, resource: Resource) -> VersionedView | None:
    """The view of a resource; None if it is not stored."""
    conversion = conversions.find_conversion(resource)
    stored = resource if conversion is None else conversions.stored_resource(resource)
    store = registry.stores.get(stored)
    if store is None:
        return None
    return VersionedView(store if conversion is None else store.with_resource(resource), resource, conversion)
