"""The base of all kinds: only /status changes the status, and a changed spec raises metadata.generation.

Source: upstream pkg/registry/*/*/strategy.go (PrepareForCreate, PrepareForUpdate).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.server_settings import DEFAULT_SETTINGS, ServerSettings
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path
from kprov.kube.machinery.resources import Resource

#: All metadata, for `fixed_in_status_update`.
ALL_METADATA: Final = ("labels", "annotations", "finalizers", "ownerReferences")
#: For `reset_fields`.
SPEC_PATHS: Final[tuple[Path, ...]] = (("f:spec",),)
STATUS_PATHS: Final[tuple[Path, ...]] = (("f:status",),)
METADATA_AND_SPEC_PATHS: Final[tuple[Path, ...]] = (("f:metadata",), ("f:spec",))
_NOT_SPEC: Final = {"apiVersion", "kind", "metadata", "status"}


class ResourceStrategy(Strategy):
    """The rules of a kind without rules of its own, and the base class of all others."""

    #: The status of a new object; None: no status.
    new_status: Mapping[str, Any] | None = {}
    #: A changed spec raises metadata.generation.
    has_generation = False
    #: Fields of metadata that a write to /status does not change.
    fixed_in_status_update: tuple[str, ...] = ()

    def __init__(self, resource: Resource, settings: ServerSettings = DEFAULT_SETTINGS) -> None:
        self.resource = resource
        self.settings = settings
        self.has_status = resource.subresource("status") is not None

    def find_reset_fields(self, subresource: str) -> tuple[Path, ...]:
        """Return the kind's own reset fields; otherwise status for the object, and spec for its status."""
        own = self.reset_fields.get(subresource)
        if own is not None:
            return own
        if not self.has_status:
            return ()
        return {"": STATUS_PATHS, "status": SPEC_PATHS}.get(subresource, ())

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        if self.has_status:
            obj.pop("status", None)
            if self.new_status is not None:
                obj["status"] = copy.deepcopy(dict(self.new_status))
        if self.has_generation:
            obj["metadata"]["generation"] = 1

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        if self.has_status:
            keep_field(obj, old, "status")
        if self.has_generation and self.raises_generation(obj, old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    def raises_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        """Whether a change raises metadata.generation."""
        return select_desired_fields(obj) != select_desired_fields(old)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        for part in (obj.keys() | old.keys()) - _NOT_SPEC:
            keep_field(obj, old, part)
        for name in self.fixed_in_status_update:
            keep_field(obj["metadata"], old["metadata"], name)


def select_desired_fields(obj: JsonObject) -> JsonObject:
    """Everything but apiVersion, kind, metadata and status."""
    return {name: value for name, value in obj.items() if name not in _NOT_SPEC}


def is_metadata_changed(obj: JsonObject, old: JsonObject, part: str) -> bool:
    """Whether a field of the metadata changed. Absent and empty are equal."""
    return (obj["metadata"].get(part) or None) != (old["metadata"].get(part) or None)


def keep_field(obj: JsonObject, old: JsonObject, part: str) -> None:
    """Restore the old value of a field, or its absence."""
    if part in old:
        obj[part] = old[part]
    else:
        obj.pop(part, None)
