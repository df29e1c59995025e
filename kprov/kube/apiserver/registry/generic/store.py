"""The generic store: create, update and delete of a resource, with the rules of its strategy.

Source of the order of steps: upstream staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go and
apiserver/pkg/endpoints/handlers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import ne
from typing import Final, Self

import orjson

from kprov.kube.apiserver.cacher import entry as wire
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.interfaces import Admission, Attributes
from kprov.kube.apiserver.interfaces.objects import Change
from kprov.kube.apiserver.registry.generic import (
    deletion,
    invalid_error,
    metadata,
    metadata_update,
    size_limit,
    unenforced,
)
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.generic.hooks import do_nothing
from kprov.kube.apiserver.registry.generic.ownership import Ownership
from kprov.kube.apiserver.registry.generic.read_store import ReadStore, make_unavailable_error
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.request import RequestContext, heavy_lane
from kprov.kube.apiserver.storage.interface import (
    Guard,
    GuardError,
    KeyChangedError,
    KeyExistsError,
    Storage,
    Stored,
    UnavailableError,
)
from kprov.kube.machinery import field, names, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import object_schema, zero_values
from kprov.kube.machinery.schema.kind_types import KindTypes

__all__ = ["DeleteOptions", "Store"]

_NAME_TRIES: Final = 8
_MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class Store(ReadStore):
    """Writes the objects of one resource. ReadStore has the reads."""

    def __init__(
        self,
        *,
        resource: Resource,
        strategy: Strategy,
        storage: Storage,
        cacher: Cacher,
        cache: ResourceCache,
        ttl: int = 0,
        types: KindTypes | None = None,
        other_versions: Iterable[Resource] | None = None,
    ) -> None:
        """ttl: seconds after the last write until an object is deleted; 0: never.

        types, other_versions: of the kind; None: built in.
        """
        super().__init__(resource=resource, storage=storage, cacher=cacher, cache=cache)
        self.strategy = strategy
        self.admission: Admission | None = None
        #: No object is created after the key of this guard was deleted.
        self.guard: Guard | None = None
        self._ttl = ttl
        types = types or object_schema.builtin()
        self._node = types.node(resource.gvk)
        self._ownership = Ownership(resource, strategy, types, other_versions)

    def with_version(self, resource: Resource, strategy: Strategy) -> Self:
        """Return the same store for clients of another version, whose objects have rules of their own."""
        view = self.with_resource(resource)
        view.strategy = strategy
        return view

    async def create(
        self, context: RequestContext, namespace: str, obj: JsonObject, *, posted: bool = True
    ) -> JsonObject:
        """Create an object: defaults, admission, validation, hooks. Raises AlreadyExists or Invalid.

        posted: False if an update or apply creates the object.
        """
        generated = not (obj.get("metadata") or {}).get("name")
        base = orjson.dumps(obj) if generated else b""
        for attempt in range(_NAME_TRIES):
            try:
                return await self._create_once(context, namespace, obj, posted=posted)
            except KeyExistsError:
                name = obj["metadata"]["name"]
                if not generated or attempt == _NAME_TRIES - 1:
                    error = status.already_exists(self._requested, name)
                    if obj["metadata"].get("generateName"):
                        error = status.generate_name_conflict(self.resource, name)
                    raise await self._exists(namespace, name, error) from None
                obj = orjson.loads(base)
        raise AssertionError

    async def _exists(self, namespace: str, name: str, refusal: status.StatusError) -> status.StatusError:
        """Return the error, which says so if the existing object is being deleted."""
        held = await self._read(self._key(namespace, name))
        if held is not None and self._decode(held)["metadata"].get("deletionTimestamp"):
            refusal.status["message"] = f"object is being deleted: {refusal.status['message']}"
        return refusal

    async def _create_once(
        self, context: RequestContext, namespace: str, obj: JsonObject, *, posted: bool
    ) -> JsonObject:
        strategy = self.strategy
        generated = not (obj.get("metadata") or {}).get("name")
        self._identify(obj)
        emptied = await self._normalize(context, obj)
        metadata.prepare_for_create(self.resource, namespace, obj, posted=posted)
        version = metadata.take_version(obj["metadata"])
        strategy.default(obj)
        context.warnings += metadata.drop_duplicate_owners(obj["metadata"])
        if not context.applied:
            await heavy_lane.run(context.place, self._ownership.note, context, None, obj, "", emptied)
        if generated:
            metadata.set_generated_name(obj["metadata"])
            strategy.default(obj)  # defaults from a generated name have no owner
        name = obj["metadata"].get("name", "")
        attributes = self._attributes(context, "CREATE", "", namespace, name, obj, None)
        if attributes is not None and self.admission is not None:
            if generated:
                attributes.generate_name = obj["metadata"].get("generateName", "")
            await self.admission.admit(attributes)
            attributes.generate_name = ""
            strategy.default(obj)
        finish = await self.hooks.begin_create(context, obj)
        stored = False
        try:
            strategy.prepare_for_create(context, obj)
            first = await self.hooks.validate(context, obj, None, "")
            await heavy_lane.run(
                context.place,
                invalid_error.raise_if_invalid,
                self.resource,
                name,
                lambda: [*first, *metadata.validate(self.resource, strategy, obj), *strategy.validate(obj)],
                emptied,
            )
            context.warnings += await heavy_lane.run(context.place, strategy.find_warnings, obj, None)
            unenforced.warn(context, self.resource, strategy, obj)
            if attributes is not None and self.admission is not None:
                await self.admission.validate(attributes)
            metadata.reject_version(version)
            revision = await self._put_new(context, namespace, name, obj)
            stored = True
        finally:
            await finish(stored and not context.dry_run)
        if revision:
            obj["metadata"]["resourceVersion"] = str(revision)
        self.hooks.decorate(obj)
        return obj

    async def _normalize(self, context: RequestContext, obj: JsonObject) -> Sequence[zero_values.Emptied]:
        """Remove empty values, and return them. Raise StatusError 500 for what cannot be stored."""
        emptied = await heavy_lane.run(context.place, zero_values.normalize, obj, self._node)
        await self._reject_too_large(context, obj)
        return emptied

    async def _reject_too_large(self, context: RequestContext, obj: JsonObject) -> None:
        """Refuse what the database would refuse, before the long computations."""
        if context.place is not None and not context.dry_run:
            await heavy_lane.run(context.place, size_limit.reject_too_large, obj)

    async def _put_new(self, context: RequestContext, namespace: str, name: str, obj: JsonObject) -> int:
        self.strategy.complete(obj)
        key = self._key(namespace, name)
        if context.dry_run:
            await self.catch_up()
            if self.cache.get(key) is not None:
                raise KeyExistsError(key)
            return 0
        obj["metadata"].pop("selfLink", None)
        return await self._send(
            context, obj, lambda value: self.storage.create(key, value, ttl=self._ttl, guard=self.guard)
        )

    async def _send(
        self, context: RequestContext, obj: JsonObject, write: Callable[[bytes], Awaitable[int]]
    ) -> int:
        """Write an object; without managedFields if it is too large with them, unless it was applied."""
        while True:
            try:
                value = await heavy_lane.run(context.place, wire.encode, self.cache.head, obj)
                size_limit.check_sent_size(value)
                return await write(value)
            except GuardError as error:
                raise status.path_not_found() from error
            except UnavailableError as error:
                if context.applied or not size_limit.drop_managed_fields(obj, error):
                    raise make_unavailable_error(error) from error

    async def update(
        self,
        context: RequestContext,
        namespace: str,
        name: str,
        change: Change,
        *,
        subresource: str = "",
        create: bool = False,
        admit: bool = True,
        strategy: Strategy | None = None,
    ) -> tuple[JsonObject, bool]:
        """Change an object, and retry while others change it. Returns (object, whether it was created).

        A resourceVersion in the result of `change` is a precondition (Conflict). subresource "status" uses
        the strategy's *_status_update; another subresource uses prepare_for_update of `strategy` (default:
        the resource's own). `admit`=False leaves admission out, for writes of the server itself.
        """
        key = self._key(namespace, name)
        current, certain = self._get_cached(key), False
        while True:
            if current is None and not certain:
                current, certain = await self._read(key), True
            if current is None:
                if not create or names.is_path_segment_name(name):
                    raise self.make_not_found_error(namespace, name)
                made = await self._create_missing(context, namespace, name, change)
                if made is not None:
                    return made, True
                certain = False
                continue
            try:
                return await self._update_once(
                    context,
                    current,
                    change,
                    subresource,
                    strategy or self.strategy,
                    admit=admit,
                    certain=certain,
                ), False
            except KeyChangedError as error:
                # The error has the current object: no need to read again.
                current, certain = error.current, True
            except status.StatusError as error:
                # A request that etcd did not answer may have been executed.
                if certain or error.code >= 500:
                    raise
                # The cached object may be out of date: read the newest and retry.
                newest = await self._read(key)
                if newest is not None and newest.revision == current.revision:
                    raise
                current, certain = newest, True

    async def _create_missing(
        self, context: RequestContext, namespace: str, name: str, change: Change
    ) -> JsonObject | None:
        """Create an object that an update did not find; None if it exists meanwhile."""
        obj = await heavy_lane.run(context.place, change, None)
        sent = obj.setdefault("metadata", {})
        sent.setdefault("name", name)
        # A new object has no resourceVersion, and no uid can match.
        version = sent.pop("resourceVersion", None)
        if sent.get("uid"):
            key = metadata.format_key(self._key(namespace, name), dry_run=context.dry_run)
            text = metadata.describe_failed_precondition(key, "UID", sent["uid"], "")
            raise status.conflict(self._requested, name, text)
        try:
            made = await self.create(context, namespace, obj, posted=False)
        except status.StatusError as error:
            if error.reason != "AlreadyExists":
                raise
            return None
        if version and context.dry_run:
            made["metadata"]["resourceVersion"] = version  # a dry run has no revision
        return made

    async def _update_once(
        self,
        context: RequestContext,
        current: Stored,
        change: Change,
        subresource: str,
        strategy: Strategy,
        *,
        admit: bool,
        certain: bool,
    ) -> JsonObject:
        """Apply a change to `current`. `certain`: it was read from etcd, not from the cache.

        Raises:
            KeyChangedError: `current` is not the newest object.

        """
        await heavy_lane.enter(context, len(current.value))
        run, place = heavy_lane.run, context.place
        old = await run(place, self._decode, current)
        obj = await run(place, lambda: change(self._decode(current)))
        name = old["metadata"]["name"]
        wanted, emptied = await run(
            place, self._merge_metadata, context, current.key, obj, old, subresource, strategy
        )
        await self._reject_too_large(context, obj)
        namespace = old["metadata"].get("namespace", "")
        attributes = (
            self._attributes(context, "UPDATE", subresource, namespace, name, obj, old) if admit else None
        )
        if attributes is not None and self.admission is not None:
            await self.admission.admit(attributes)
            strategy.default(obj)
        self._check_version(wanted, old, name)
        finish = await self.hooks.begin_update(context, obj, old) if not subresource else do_nothing
        stored = False
        try:
            if subresource == "status":
                strategy.prepare_for_status_update(context, obj, old)
            else:
                strategy.prepare_for_update(context, obj, old)
            first = await self.hooks.validate(context, obj, old, subresource)
            await run(place, self._judge_update, context, obj, old, subresource, strategy, emptied, first)
            if attributes is not None and self.admission is not None:
                await self.admission.validate(attributes)
            if deletion.is_finished(self.strategy, obj):
                await self._remove(context, current, obj)
                obj["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
                return obj
            if await run(place, _is_unchanged, obj, old) and not self.storage.is_stale(current.key):
                # No write will find out whether the cached object was out of date.
                if not certain:
                    await self._check_newest(current)
                self.hooks.decorate(old)
                return old
            await self._put(context, current, obj)
            stored = not context.dry_run
        finally:
            await finish(stored)
        self.hooks.decorate(obj)
        return obj

    async def _check_newest(self, current: Stored) -> None:
        """Raise KeyChangedError if the object has another revision in etcd."""
        newest = await self._read(current.key)
        if newest is None or newest.revision != current.revision:
            raise KeyChangedError(current.key, newest)

    def _merge_metadata(
        self,
        context: RequestContext,
        key: str,
        obj: JsonObject,
        old: JsonObject,
        subresource: str,
        strategy: Strategy,
    ) -> tuple[str, Sequence[zero_values.Emptied]]:
        """Normalize and default a changed object, and keep metadata that the client cannot change.

        Returns the resourceVersion that the client sent, and the empty values that normalize removed.
        """
        self._identify(obj)
        emptied = zero_values.normalize(obj, self._node)
        is_patch = context.info.verb == "patch"
        obj.setdefault("metadata", {})
        if not is_patch:
            shown = metadata.format_key(key, dry_run=context.dry_run)
            metadata.check_uid(self._requested, obj, old, shown)
        wanted = obj["metadata"].get("resourceVersion") or ""
        metadata.prepare_for_update(self.resource, obj, old)
        obj["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        strategy.default(obj)
        strategy.default(old)
        warned = metadata.drop_duplicate_owners(obj["metadata"], is_patch=is_patch)
        context.warnings += [text for text in warned if text not in context.warnings]
        if not context.applied:
            if any(owner is obj["metadata"] and name == "managedFields" for owner, name, _ in emptied):
                obj["metadata"]["managedFields"] = []  # an empty list clears all owners
            self._ownership.note(context, old, obj, subresource, emptied)
        # After Ownership: a client that sends other deletion times owns these fields.
        metadata.keep_deletion(obj, old)
        if not context.dry_run:
            obj["metadata"].pop("selfLink", None)
        return wanted, emptied

    def _judge_update(
        self,
        context: RequestContext,
        obj: JsonObject,
        old: JsonObject,
        subresource: str,
        strategy: Strategy,
        emptied: Sequence[zero_values.Emptied],
        first: Sequence[FieldError],
    ) -> None:
        """Raise Invalid if a prepared object breaks rules of the hooks or the strategy. Collect warnings."""
        is_status = subresource == "status"
        rules = strategy.validate_status_update if is_status else strategy.validate_update

        def judge() -> Sequence[FieldError]:
            errors = rules(obj, old)
            if not strategy.validates_metadata:
                return [*first, *errors]
            return [*first, *metadata_update.validate(self.strategy, obj, old, subresource), *errors]

        invalid_error.raise_if_invalid(self.resource, old["metadata"]["name"], judge, emptied)
        if is_status:
            context.warnings += strategy.find_status_warnings(obj)
        else:
            context.warnings += strategy.find_warnings(obj, old)
            unenforced.warn(context, self.resource, strategy, obj)

    async def _put(self, context: RequestContext, current: Stored, obj: JsonObject) -> None:
        if context.dry_run:
            return
        revision = await self._send(
            context,
            obj,
            lambda value: self.storage.update(current.key, value, expected=current.revision, ttl=self._ttl),
        )
        obj["metadata"]["resourceVersion"] = str(revision)

    async def delete(
        self, context: RequestContext, namespace: str, name: str, options: DeleteOptions | None = None
    ) -> tuple[JsonObject, bool]:
        """Delete an object, gracefully or at once. Returns (object, whether it is removed)."""
        options = options or DeleteOptions()
        key = self._key(namespace, name)
        current, certain = self._get_cached(key), False
        while True:
            if current is None and not certain:
                current, certain = await self._read(key), True
            if current is None:
                raise self.make_not_found_error(namespace, name)
            await heavy_lane.enter(context, len(current.value))
            obj = await heavy_lane.run(context.place, self._decode, current)
            try:
                deletion.check_preconditions(self.strategy, self.resource, obj, options)
            except status.StatusError:
                if certain:
                    raise
                current, certain = await self._read(key), True
                continue
            await self._admit_deletion(context, namespace, name, obj, options)
            try:
                return await self._delete_current(context, current, obj, options)
            except KeyChangedError as error:
                # The error has the current object: no need to read again.
                current, certain = error.current, True

    async def _delete_current(
        self, context: RequestContext, current: Stored, obj: JsonObject, options: DeleteOptions
    ) -> tuple[JsonObject, bool]:
        """Mark the object as deleted, or remove it. Raises KeyChangedError if another client changed it."""
        run, place = heavy_lane.run, context.place
        before = await run(place, self._decode, current)
        outcome = deletion.mark_deleted(self.strategy, obj, options)
        if outcome is deletion.Outcome.REMOVED:
            await self._remove(context, current, before)
            return before, True
        if await run(place, ne, obj, before):
            await self._put(context, current, obj)
        if outcome is deletion.Outcome.KEPT:
            return obj, False
        written = Stored(current.key, current.value, int(obj["metadata"]["resourceVersion"]))
        try:
            await self._remove(context, written, obj)
        except KeyChangedError as error:
            if error.current is not None:
                raise
            # Another client removed the object after the write.
        return obj, True

    async def _admit_deletion(
        self, context: RequestContext, namespace: str, name: str, obj: JsonObject, options: DeleteOptions
    ) -> None:
        attributes = self._attributes(context, "DELETE", "", namespace, name, None, obj)
        if attributes is not None and self.admission is not None:
            attributes.options = options.raw
            await self.admission.admit(attributes)
            await self.admission.validate(attributes)

    async def _remove(self, context: RequestContext, current: Stored, obj: JsonObject) -> None:
        if context.dry_run:
            return
        try:
            revision = await self.storage.delete(current.key, expected=current.revision)
        except UnavailableError as error:
            raise make_unavailable_error(error) from error
        obj["metadata"]["resourceVersion"] = str(revision)
        await self.hooks.after_delete(context, obj)

    def _identify(self, obj: JsonObject) -> None:
        obj["kind"] = self.resource.kind
        obj["apiVersion"] = self.resource.api_version

    def _check_version(self, version: str, old: JsonObject, name: str) -> None:
        if not version or version == "0":
            if not self.strategy.allow_unconditional_update:
                error = field.invalid("metadata.resourceVersion", 0, "must be specified for an update")
                raise status.invalid(self._requested.group, self._requested.plural, name, [error])
            return
        if not (version.isascii() and version.isdigit()):
            # Upstream answers 500 here, although the request is wrong.
            raise status.bad_request(f"strconv.ParseUint: parsing {status.quoted(version)}: invalid syntax")
        if version != old["metadata"]["resourceVersion"]:
            raise status.conflict(self._requested, name, _MODIFIED)

    def _attributes(
        self,
        context: RequestContext,
        operation: str,
        subresource: str,
        namespace: str,
        name: str,
        obj: JsonObject | None,
        old: JsonObject | None,
    ) -> Attributes | None:
        if self.admission is None or not self.admission.handles(self.resource, operation):
            return None
        return Attributes(
            context=context,
            operation=operation,
            resource=self.resource,
            subresource=subresource,
            namespace=namespace,
            name=name,
            obj=obj,
            old=old,
            options={},
            requested_resource=self._requested,
        )


def _is_unchanged(obj: JsonObject, old: JsonObject) -> bool:
    """Whether an update changes nothing but the times of field managers."""
    if obj == old:
        return True
    if field_ownership.without_managed_fields(obj) != field_ownership.without_managed_fields(old):
        return False
    return _list_owners(obj) == _list_owners(old)


def _list_owners(obj: JsonObject) -> Sequence[JsonObject]:
    return [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in obj["metadata"].get("managedFields") or ()
    ]
