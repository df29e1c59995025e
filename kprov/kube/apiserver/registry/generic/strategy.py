"""The interface of a kind's rules. The generic store calls them in this order, which is upstream's.

create: default > prepare_for_create > admission (mutating) > validate > admission (validating) > complete
  > storage
update: default > prepare_for_update > admission > validate_update > storage
Objects are plain JSON documents (dict), already shape-checked against the schema; they are changed in place.
Source of the order: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/{create,update}.go.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class Strategy:
    """The traits and rules of a kind. A kind overrides what differs from these.

    Instances are stateless and shared by all requests. Methods are synchronous and must not block;
    what needs storage, such as IP allocation, belongs to the hooks that make_hooks returns.
    """

    #: A PUT creates a missing object.
    allow_create_on_update = False
    #: An update without resourceVersion is allowed. The last write wins.
    allow_unconditional_update = True
    #: Objects are deleted --event-ttl after the last write (events).
    expires = False
    #: The folder of its objects under /registry/ in etcd; "" for the plural.
    storage_folder = ""
    #: Fields that a write to a path does not change, by subresource; see find_reset_fields.
    reset_fields: Mapping[str, tuple[Path, ...]] = {}
    #: A finalizer without a domain must be one of those that Kubernetes itself uses.
    requires_known_finalizers = True
    #: Updates that accept any finalizer with a valid name: "" for the object's, "status" for its status's.
    any_finalizer_updates: frozenset[str] = frozenset()
    #: An update validates the metadata, in addition to validate_update.
    validates_metadata = True
    #: A LIST at resourceVersion 0 is paged, because upstream does not keep the kind in its watch cache.
    is_paged_at_any_version = False
    #: The answer to a deletion is the old object, not a Status.
    returns_deleted = False
    #: The kind comes from a definition: items of lists have kind and apiVersion, nulls are values.
    is_custom = False
    #: A deletion may have a grace period (pods).
    is_deleted_gracefully = False
    #: A deletion without propagationPolicy orphans dependents.
    orphan_by_default = False
    #: A deletion may have a propagationPolicy. Events have no dependents.
    collects_garbage = True
    #: What an object of the kind lacks while find_missing_feature names a feature.
    missing_effect = "has no effect"

    @staticmethod
    def check_name(name: str, /) -> list[str]:
        """Return the rules that a name breaks, as texts; empty for a valid name."""
        return names.is_dns1123_subdomain(name)

    def find_reset_fields(self, subresource: str) -> tuple[Path, ...]:
        """Fields that a write to a path does not change. Its client does not become their owner.

        subresource: "" for the resource itself. Source: GetResetFields of upstream's strategies.
        """
        return self.reset_fields.get(subresource, ())

    def make_hooks(self, options: Namespace, registry: Any, authorizer: Authorizer) -> Hooks:
        """Return the hooks that run before and after writes. registry: the Registry of the server."""
        return Hooks()

    def default(self, obj: JsonObject) -> None:
        """Set upstream's defaults (SetDefaults_*) in place. Idempotent. Stored objects get them as well."""

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Drop fields that a client may not set at creation, such as status. Set the generation."""

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Keep status from old, raise metadata.generation when spec changed."""

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Restore everything except the status from old."""

    def validate(self, obj: JsonObject) -> list[FieldError]:
        """Field rules of a new object. The store validates the metadata."""
        return []

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Field rules of a changed object, such as immutable fields."""
        return []

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Field rules of /status."""
        return []

    def complete(self, obj: JsonObject) -> None:
        """Set what a new object gets after its validation, just before it is stored."""

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """Warning header texts; old is None at creation."""
        return []

    def find_status_warnings(self, obj: JsonObject) -> list[str]:
        """Warning header texts of a write to /status."""
        return []

    def find_deletion_warnings(self, options: Mapping[str, Any]) -> list[str]:
        """Warning header texts of a deletion. options: the DeleteOptions of the request."""
        return []

    def find_missing_feature(self, obj: JsonObject) -> str:
        """Return the missing feature without which the object lacks an effect; "" if it lacks none.

        `missing_effect` says what the object lacks.
        """
        return ""

    def explain_deletion_refusal(self, name: str) -> str:
        """Why an object with that name may not be deleted (403); "" if it may."""
        return ""

    def explain_failed_precondition(self, what: str, wanted: str, stored_value: str) -> str:
        """Return the kind's text for a failed precondition, "" for the usual one.

        what: UID or ResourceVersion.
        """
        return ""

    def choose_grace_period(self, obj: JsonObject, requested: int | None) -> int | None:
        """Return the grace period in seconds of the first deletion request; None: no graceful deletion."""
        return None

    def mark_terminating(self, obj: JsonObject) -> bool:
        """Set the status to terminating. False if no controller completes the deletion."""
        return False

    def is_held(self, obj: JsonObject) -> bool:
        """Whether anything other than metadata.finalizers delays the removal, such as spec.finalizers."""
        return False

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        """Fields for field selectors, in addition to metadata.name and metadata.namespace."""
        return {}
