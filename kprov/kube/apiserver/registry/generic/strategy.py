"""A resource's own rules, behind one interface; the generic store calls them in upstream's order.

create: default > prepare_for_create > admission (mutating) > validate > admission (validating) > storage
update: default > prepare_for_update > admission > validate_update > storage
Objects are plain JSON documents (dict), already shape-checked against the schema; they are changed in place.
Source of the order: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/{create,update}.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class Strategy:
    """Rules every resource starts from; a resource overrides what it has more of.

    Instances are stateless and shared by all requests. Methods are synchronous and must not block;
    what needs storage (IP allocation, quota) belongs to `Hooks` in registry/hooks.py.
    """

    #: PUT on a missing object makes it (leases, endpoints, events ...).
    allow_create_on_update = False
    #: An update without resourceVersion is allowed (last write wins).
    allow_unconditional_update = True
    #: Whether an update's metadata are judged, beside what validate_update does.
    judges_metadata = True
    #: Seconds of grace when the request names none; None: deleted at once. Only pods have one.
    default_grace_period: int | None = None
    #: A LIST at version 0 has pages: upstream keeps none of these in its watch cache, which gives all.
    pages_any_version = False
    #: A deletion is answered with the object as it was, not with a Status.
    returns_deleted = False
    #: Whether it may have a time to end in (pods).
    is_graceful = False
    #: Dependents are orphaned unless a deletion says otherwise.
    orphan_by_default = False
    #: Whether a deletion may say what becomes of dependents; events have none.
    collects_garbage = True

    def default(self, obj: JsonObject) -> None:
        """Fill in upstream's defaults (SetDefaults_*), in place; idempotent; runs on stored objects too."""

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Drop what a client may not set at creation (status ...), set generation."""

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Keep status from old, raise metadata.generation when spec changed."""

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Keep all but status (and what the status strategy allows) from old."""

    def validate(self, obj: JsonObject) -> list[FieldError]:
        """Field rules of a new object; metadata is validated by the store."""
        return []

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Field rules of a changed object, immutable fields among them."""
        return []

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Field rules of /status."""
        return []

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """Warning header texts; old is None at creation."""
        return []

    def status_warnings(self, obj: JsonObject) -> list[str]:
        """Warning header texts of a write to /status."""
        return []

    def deletion_warnings(self, options: Mapping[str, Any]) -> list[str]:
        """Warning header texts of a deletion; options are the DeleteOptions as they were sent."""
        return []

    def missing_feature(self, obj: JsonObject) -> str:
        """What the server lacks to act on a stored object of this kind; "" where it acts on it."""
        return ""

    def deletion_refusal(self, name: str) -> str:
        """Why nobody may delete that one by its name (403), "" where that may be."""
        return ""

    def failed_precondition(self, what: str, wanted: str, found: str) -> str:
        """Why that object is not meant, "" in the words that all have. what: UID or ResourceVersion."""
        return ""

    def grace_period(self, obj: JsonObject, requested: int | None) -> int | None:
        """Grace in seconds that a first deletion gets; None: there is none. Pods without a node get 0."""
        return None

    def terminate(self, obj: JsonObject) -> bool:
        """Have its status say that it ends; False where a deletion needs no controller's hands."""
        return False

    def holds(self, obj: JsonObject) -> bool:
        """Whether something beside metadata.finalizers keeps a deleted object."""
        return False

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        """Fields that a field selector may name beside metadata.name and metadata.namespace."""
        return {}
