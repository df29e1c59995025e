"""A resource's own rules, behind one interface; the generic store calls them in upstream's order.

create: default > prepare_for_create > admission (mutating) > validate > admission (validating) > storage
update: default > prepare_for_update > admission > validate_update > storage
Objects are plain JSON documents (dict), already shape-checked against the schema; they are changed in place.
Source of the order: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/{create,update}.go.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, NamedTuple

from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class MetadataRepeats(NamedTuple):
    """How often the rules of a kind validate the metadata of an update again, as upstream's strategies do.

    as_new: as those of a new object. as_change: as a change of the stored object.
    new_first: as_new comes first.
    """

    as_new: int = 0
    as_change: int = 1
    new_first: bool = False


class Strategy:
    """Rules every resource starts from; a resource overrides what it has more of.

    Instances are stateless and shared by all requests. Methods are synchronous and must not block;
    what needs storage, such as IP allocation, belongs to the hooks that make_hooks returns.
    """

    #: PUT on a missing object makes it (leases, endpoints, events ...).
    allow_create_on_update = False
    #: An update without resourceVersion is allowed (last write wins).
    allow_unconditional_update = True
    #: Objects are deleted --event-ttl after the last write (events).
    expires = False
    #: The folder of its objects under /registry/ in etcd; "" for the plural.
    storage_folder = ""
    #: Fields that a write to a path does not change, by subresource; see find_reset_fields.
    reset_fields: Mapping[str, tuple[Path, ...]] = {}
    #: A finalizer without a domain must be one of those that Kubernetes itself uses.
    requires_known_finalizers = True
    #: How often metadata are validated again when the object, its status or another part is updated.
    metadata_repeats = MetadataRepeats()
    status_metadata_repeats = MetadataRepeats()
    part_metadata_repeats = MetadataRepeats()
    #: Whether an update's metadata are judged, beside what validate_update does.
    validates_metadata = True
    #: Seconds of grace when the request names none; None: deleted at once. Only pods have one.
    default_grace_period: int | None = None
    #: A LIST at version 0 has pages: upstream keeps none of these in its watch cache, which gives all.
    is_paged_at_any_version = False
    #: A deletion is answered with the object as it was, not with a Status.
    returns_deleted = False
    #: Whether it may have a time to end in (pods).
    is_deleted_gracefully = False
    #: Dependents are orphaned unless a deletion says otherwise.
    orphan_by_default = False
    #: Whether a deletion may say what becomes of dependents; events have none.
    collects_garbage = True

    @staticmethod
    def check_name(name: str, /) -> list[str]:
        """The rules that a name breaks, as texts."""
        return names.is_dns1123_subdomain(name)

    def find_reset_fields(self, subresource: str) -> tuple[Path, ...]:
        """Fields that a write to a path does not change. Its client does not become their owner.

        subresource: "" for the resource itself. Source: GetResetFields of upstream's strategies.
        """
        return self.reset_fields.get(subresource, ())

    def make_hooks(self, options: Namespace, registry: Any, authorizer: Authorizer) -> Hooks:
        """The work around writes that needs storage. registry: the server's registry.Registry."""
        return Hooks()

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

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """Warning header texts; old is None at creation."""
        return []

    def find_status_warnings(self, obj: JsonObject) -> list[str]:
        """Warning header texts of a write to /status."""
        return []

    def find_deletion_warnings(self, options: Mapping[str, Any]) -> list[str]:
        """Warning header texts of a deletion; options are the DeleteOptions as they were sent."""
        return []

    def find_missing_feature(self, obj: JsonObject) -> str:
        """What the server lacks to act on a stored object of this kind; "" where it acts on it."""
        return ""

    def explain_deletion_refusal(self, name: str) -> str:
        """Why nobody may delete that one by its name (403), "" where that may be."""
        return ""

    def explain_failed_precondition(self, what: str, wanted: str, found: str) -> str:
        """Why that object is not meant, "" in the words that all have. what: UID or ResourceVersion."""
        return ""

    def choose_grace_period(self, obj: JsonObject, requested: int | None) -> int | None:
        """Grace in seconds that a first deletion gets; None: there is none. Pods without a node get 0."""
        return None

    def mark_terminating(self, obj: JsonObject) -> bool:
        """Have its status say that it ends; False where a deletion needs no controller's hands."""
        return False

    def is_held(self, obj: JsonObject) -> bool:
        """Whether something beside metadata.finalizers keeps a deleted object."""
        return False

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        """Fields that a field selector may name beside metadata.name and metadata.namespace."""
        return {}
