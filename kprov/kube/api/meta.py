"""Metadata and other types of all objects (k8s.io/apimachinery/pkg/apis/meta/v1).

A view has the fields that components use. Decoding drops the others. So change objects by patches, and use
`update` only for views that are known to have every field.
"""

from typing import Any, ClassVar, NewType

import msgspec

#: Opaque to clients: compare only for equality.
ResourceVersion = NewType("ResourceVersion", str)
NodeName = NewType("NodeName", str)
PodUID = NewType("PodUID", str)


class View(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of the typed views. Field names become camel case on the wire. Empty fields are omitted."""


class OwnerReference(View):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(View):
    """Metadata without managedFields. Timestamps are RFC 3339 text, "" if missing."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: ResourceVersion = ResourceVersion("")
    generation: int = 0
    creation_timestamp: str | None = ""
    deletion_timestamp: str | None = ""
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    finalizers: list[str] = []

    def controller(self) -> OwnerReference | None:
        """Return the owner that manages the object, or None (metav1.GetControllerOf)."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Object(View):
    """Base of whole objects."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)

    @property
    def key(self) -> str:
        """Namespace/name, or the name of a cluster-scoped object."""
        meta = self.metadata
        return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


class PartialObjectMetadata(Object):
    """The metadata of any object. The client requests only metadata for views with `metadata_only`."""

    metadata_only: ClassVar[bool] = True


class ListMeta(View):
    resource_version: ResourceVersion = ResourceVersion("")
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class Condition(View):
    """metav1.Condition, and the older types of conditions of pods, nodes and workloads."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str | None = ""
    last_update_time: str | None = ""
    last_heartbeat_time: str | None = ""
    last_probe_time: str | None = ""


class LabelSelectorRequirement(View):
    key: str = ""
    operator: str = ""
    values: list[str] = []


class LabelSelector(View):
    match_labels: dict[str, str] = {}
    match_expressions: list[LabelSelectorRequirement] = []


class Status(View):
    """metav1.Status, the body of error responses."""

    kind: str = ""
    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: dict[str, Any] | None = None
