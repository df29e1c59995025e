"""A resource as a client sees it: the store that has its objects, and the version it is served in."""

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
    """`conversion` is None for nearly all: the store's bytes are the client's."""

    store: Store
    resource: Resource
    conversion: Conversion | None

    @property
    def is_stored(self) -> bool:
        """Whether objects go to clients as they are stored."""
        return self.conversion is None

    def decode_entry(self, entry: Entry) -> JsonObject:
        """A fresh dict of a cache entry, in the client's version."""
        return self.to_client(self.store.cache.decode(entry))

    def convert_entry(self, entry: Entry, form: Form) -> JsonObject:
        """What the client's form is made of: tables and metadata come from the object as it is stored."""
        obj = self.store.cache.decode(entry)
        return obj if form.kind else self.to_client(obj)

    def to_stored(self, obj: JsonObject) -> JsonObject:
        """From the client's version to the stored one."""
        return obj if self.conversion is None else self.conversion.to_stored(obj)

    def merge_applied(self, old: JsonObject | None, shown: JsonObject | None, obj: JsonObject) -> JsonObject:
        """What comes of an apply, stored. old, shown: what was there, as stored and as a client sees it.

        An apply that changes owners only leaves the rest as it is stored: the way through another version
        may bring it into another order.
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
        """From the stored version to the client's; a Status stays one."""
        if self.conversion is None or obj.get("kind") != self.store.resource.kind:
            return obj
        return self.conversion.to_served(obj)


def find_view(registry: Registry, resource: Resource) -> VersionedView | None:
    """None: nothing of that resource is stored."""
    conversion = conversions.find_conversion(resource)
    stored = resource if conversion is None else conversions.stored_resource(resource)
    store = registry.stores.get(stored)
    if store is None:
        return None
    return VersionedView(store if conversion is None else store.with_resource(resource), resource, conversion)
