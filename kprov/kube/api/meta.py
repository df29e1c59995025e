"""What all objects share (k8s.io/apimachinery/pkg/apis/meta/v1).

A view holds the fields components use and drops the rest on reading: never send one back with ``update``
unless it is known to hold every field; send patches.
"""

from typing import Any, ClassVar

import msgspec


class View(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of the typed views: wire names from snake case, empty fields left out when written."""


class OwnerReference(View):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(View):
    """Metadata without managedFields. Timestamps are RFC 3339 text, "" when missing."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = ""
    deletion_timestamp: str | None = ""
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    finalizers: list[str] = []

    def controller(self) -> OwnerReference | None:
        """The owner that manages the object, if one does (metav1.GetControllerOf)."""
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
    """Any object, metadata only: the client asks the server for just that, as for every such view."""

    metadata_only: ClassVar[bool] = True


class ListMeta(View):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class Condition(View):
    """metav1.Condition and its older relatives of pods, nodes and workloads."""

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
    """metav1.Status, the body of refusals."""

    kind: str = ""
    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: dict[str, Any] | None = None
