"""Records field managers at each write other than an apply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.conversion import table as conversions
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import zero_values
from kprov.kube.machinery.schema.kind_types import KindTypes
from kprov.kube.machinery.schema.versioned_types import VersionedTypes


class Ownership:
    """Records the owners of fields in metadata.managedFields."""

    def __init__(
        self,
        resource: Resource,
        strategy: Strategy,
        types: KindTypes,
        other_versions: Iterable[Resource] | None = None,
    ) -> None:
        """other_versions: of the resource; None: those that are built in."""
        self._resource = resource
        self._types = types
        self._conversions = types if isinstance(types, VersionedTypes) else conversions
        if other_versions is None:
            other_versions = conversions.other_versions(resource)
        #: Other API versions of the resource, by group and version.
        self._others = {(other.group, other.version): other for other in other_versions}
        paths = ("", *(subresource.name for subresource in resource.subresources))
        self._ignored = {path: strategy.find_reset_fields(path) for path in paths}

    def note(
        self,
        context: RequestContext,
        old: JsonObject | None,
        obj: JsonObject,
        subresource: str = "",
        emptied: Sequence[zero_values.Emptied] = (),
    ) -> None:
        """Update obj's managedFields, in the API version that the client uses. Never fails.

        emptied: the empty values that zero_values.normalize removed. Empty lists have owners, too.
        """
        if subresource == "scale":
            return  # the scale handler records its owners
        if not emptied:
            self._note(context, old, obj, subresource)
            return
        with zero_values.restore_empty_lists(emptied):
            self._note(context, old, obj, subresource)

    def _note(
        self, context: RequestContext, old: JsonObject | None, obj: JsonObject, subresource: str
    ) -> None:
        manager = context.manager
        ignored = self._ignored.get(subresource, ())
        info = context.info
        used = self._others.get((info.api_group, info.api_version)) if self._others else None
        if used is None:
            field_ownership.update(
                old,
                obj,
                self._resource.gvk,
                manager=manager,
                subresource=subresource,
                ignored=ignored,
                schema=self._types,
            )
            return
        before = None if old is None else self._convert_to_served(old, used)
        after = self._convert_to_served(obj, used)
        if obj["metadata"].get("managedFields") == []:
            after["metadata"]["managedFields"] = []  # as an empty list, it clears all owners
        field_ownership.update(
            before,
            after,
            used.gvk,
            manager=manager,
            subresource=subresource,
            ignored=ignored,
            schema=self._types,
        )
        obj["metadata"].pop("managedFields", None)
        if "managedFields" in after["metadata"]:
            obj["metadata"]["managedFields"] = after["metadata"]["managedFields"]

    def _convert_to_served(self, obj: JsonObject, used: Resource) -> JsonObject:
        served_object = self._conversions.convert(obj, self._resource.gvk, used.gvk)
        served_object["metadata"] = dict(served_object["metadata"])  # update changes it
        zero_values.normalize(served_object, self._types.node(used.gvk))
        return served_object
