"""The controllers of custom resource definitions: names and conditions, and the removal of their objects.

Several servers may do this at the same time; each write has the resourceVersion that it was computed from.
Source: apiextensions-apiserver/pkg/controller/{status,establish,finalizer}.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.apiextensions import definition_state, name_conflicts
from kprov.kube.apiserver.registry.apiextensions.custom_resource.kind_builder import CustomKinds
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import validation
from kprov.kube.apiserver.registry.apiextensions.definition_state import (
    ESTABLISHED,
    FINALIZER,
    NAMES_ACCEPTED,
    TERMINATING,
)
from kprov.kube.apiserver.registry.custom_kinds import GROUP, PLURAL, CustomKindsPublisher
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import RESOURCES
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

#: Servers that have not seen the deletion yet may create objects for so long.
_GRACE_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.5
_DELETIONS_AT_ONCE: Final = 16
_BUILT_IN: Final = frozenset((resource.group, resource.plural) for resource in RESOURCES)


class DefinitionController:
    """Writes the status of definitions, one after the other, and removes the objects of deleted ones."""

    def __init__(self, registry: Registry, publisher: CustomKindsPublisher) -> None:
        self._registry = registry
        self._publisher = publisher
        self._store = registry.store(GROUP, PLURAL)
        self._queue: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._finalizers: dict[str, asyncio.Task[None]] = {}

    async def run(self, done: Callable[[], None]) -> None:
        """Work until cancelled."""
        self._publisher.on_publication(self._enqueue)
        self._store.lister.on_change(self._notice)
        await self._publisher.wait_until_published()
        done()
        try:
            while True:
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                name = next(iter(self._queue))
                del self._queue[name]
                try:
                    await self._sync(name)
                except StatusError as error:
                    if error.reason in {"NotFound", "Conflict"}:
                        continue  # the change that caused it brings the definition again
                    log.warning("cannot write the status of %s, trying again: %s", name, error)
                    await asyncio.sleep(0.5)
                    self._enqueue(name)
        finally:
            for task in self._finalizers.values():
                task.cancel()

    def _notice(self, type_: str, definition: Mapping[str, Any]) -> None:
        name = definition["metadata"]["name"]
        self._enqueue(name)
        if type_ == "DELETED" or not definition_state.is_true(definition, NAMES_ACCEPTED):
            # Its names are free, or it waits for names.
            for other in self._store.lister.list_shared():
                if not definition_state.is_true(other, NAMES_ACCEPTED):
                    self._enqueue(other["metadata"]["name"])

    def _enqueue(self, name: str) -> None:
        self._queue[name] = None
        self._wake.set()

    async def _sync(self, name: str) -> None:
        definition = self._store.lister.get("", name)
        if definition is None:
            return
        if definition["metadata"].get("deletionTimestamp"):
            if FINALIZER in (definition["metadata"].get("finalizers") or ()) and name not in self._finalizers:
                task = start_background_task(self._finalize(name), f"finalize {name}")
                self._finalizers[name] = task
                task.add_done_callback(lambda _: self._finalizers.pop(name, None))
            return
        names, reason, message = name_conflicts.accept_names(definition, self._store.lister.list_shared())
        published = self._publisher.find(name)
        is_published = published is not None and published.uid == definition["metadata"]["uid"]

        def change(status: JsonObject) -> None:
            status["acceptedNames"] = names
            _set_policy_conditions(definition, status)
            is_accepted = reason == "NoConflicts"
            if not definition_state.is_true(definition, NAMES_ACCEPTED) or not is_accepted:
                definition_state.set_condition(
                    status, NAMES_ACCEPTED, "True" if is_accepted else "False", reason, message
                )
            if definition_state.is_true(definition, ESTABLISHED):
                return
            if not is_accepted:
                definition_state.set_condition(
                    status, ESTABLISHED, "False", "NotAccepted", "not all names are accepted"
                )
            elif is_published:
                definition_state.set_condition(
                    status,
                    ESTABLISHED,
                    "True",
                    "InitialNamesAccepted",
                    "the initial names have been accepted",
                )
            else:
                definition_state.set_condition(
                    status, ESTABLISHED, "False", "Installing", "the initial names have been accepted"
                )

        await self._write_status(definition, change)

    async def _write_status(
        self, definition: JsonObject, change: Callable[[JsonObject], None], *, unfinalize: bool = False
    ) -> None:
        """Change the status. Raise StatusError 409 if the definition is not the newest."""
        status = dict(definition.get("status") or {})
        change(status)
        if status == definition.get("status") and not unfinalize:
            return
        name = definition["metadata"]["name"]

        def put(old: JsonObject | None) -> JsonObject:
            new = dict(old or {})
            new["metadata"] = {
                **new["metadata"],
                "uid": definition["metadata"]["uid"],
                "resourceVersion": definition["metadata"]["resourceVersion"],
            }
            new["status"] = status
            if unfinalize:
                held = new["metadata"].get("finalizers") or ()
                new["metadata"]["finalizers"] = [each for each in held if each != FINALIZER]
            return new

        context = make_system_context("update", self._store.resource, "", name)
        await self._store.update(context, "", name, put, subresource="status", admit=False)

    async def _finalize(self, name: str) -> None:
        """Remove all objects of a deleted definition, then its finalizer. Retry until that is done."""
        while True:
            try:
                await self._store.catch_up()
                definition = self._store.lister.get("", name)
                if definition is None or not definition["metadata"].get("deletionTimestamp"):
                    return
                await self._delete_objects(definition)
                return
            except StatusError as error:
                if error.reason not in {"NotFound", "Conflict"}:
                    log.warning("cannot remove the objects of %s, trying again: %s", name, error)
            await asyncio.sleep(_POLL_SECONDS)

    async def _delete_objects(self, definition: JsonObject) -> None:
        spec = definition["spec"]
        if (spec["group"], spec["names"]["plural"]) in _BUILT_IN:
            await self._end(
                definition,
                "OverlappingBuiltInResource",
                "instances overlap with built-in resources in storage",
            )
            return
        if not definition_state.is_true(definition, ESTABLISHED):
            await self._end(definition, "NeverEstablished", "resource was never established")
            return

        def begin(status: JsonObject) -> None:
            definition_state.set_condition(
                status,
                TERMINATING,
                "True",
                "InstanceDeletionInProgress",
                "CustomResource deletion is in progress",
            )

        await self._write_status(definition, begin)
        await self._store.catch_up()
        await asyncio.sleep(_GRACE_SECONDS)
        while (published := await self._find_kinds(definition)) is not None:
            objects = await published.store.list(make_system_context("list", published.store.resource))
            if not objects:
                newest = self._find_newest(definition)
                if newest is not None:
                    await self._end(newest, "InstanceDeletionCompleted", "removed all instances")
                return
            await self._delete_once(published.store, objects)
            await asyncio.sleep(_POLL_SECONDS)

    def _find_newest(self, definition: JsonObject) -> JsonObject | None:
        """Return the present state of a definition, None if it is gone or another has its name."""
        newest = self._store.lister.get("", definition["metadata"]["name"])
        is_same = newest is not None and newest["metadata"]["uid"] == definition["metadata"]["uid"]
        return newest if is_same else None

    async def _find_kinds(self, definition: JsonObject) -> CustomKinds | None:
        """Wait until the kinds of a definition are published, and return them. None if it is gone.

        Another server may have ended the deletion: then a new definition with this name and its objects
        are not to be touched.
        """
        name, uid = definition["metadata"]["name"], definition["metadata"]["uid"]
        while self._find_newest(definition) is not None:
            await self._publisher.wait_until_published()
            published = self._publisher.find(name)
            if published is not None and published.uid == uid:
                return published
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def _delete_once(self, store: Any, objects: Any) -> None:
        """Delete objects, some at a time. Those with finalizers stay until their controllers are done."""
        remaining = iter([obj["metadata"] for obj in objects if not obj["metadata"].get("deletionTimestamp")])

        async def work() -> None:
            for metadata in remaining:
                namespace = metadata.get("namespace", "")
                context = make_system_context("delete", store.resource, namespace, metadata["name"])
                # Not an object of this name that a new definition has.
                options = DeleteOptions(uid=metadata["uid"])
                try:
                    await store.delete(context, namespace, metadata["name"], options)
                except StatusError as error:
                    if error.code not in {404, 409}:
                        log.warning("cannot delete %s: %s", metadata["name"], error)

        async with asyncio.TaskGroup() as group:
            for _ in range(_DELETIONS_AT_ONCE):
                group.create_task(work())

    async def _end(self, definition: JsonObject, reason: str, message: str) -> None:
        def end(status: JsonObject) -> None:
            definition_state.set_condition(status, TERMINATING, "False", reason, message)

        await self._write_status(definition, end, unfinalize=True)


def _set_policy_conditions(definition: JsonObject, status: JsonObject) -> None:
    """Set what upstream's controllers say of the approval and of the schema.

    Source: apiextensions-apiserver/pkg/controller/{apiapproval,nonstructuralschema}.
    """
    approval = validation.describe_approval(definition)
    if approval is not None:
        definition_state.set_condition(status, "KubernetesAPIApprovalPolicyConformant", *approval)
    if definition["spec"].get("preserveUnknownFields"):
        message = "spec.preserveUnknownFields: Invalid value: true: must be false"
        definition_state.set_condition(status, "NonStructuralSchema", "True", "Violations", message)
    elif definition_state.find_condition({"status": status}, "NonStructuralSchema") is not None:
        conditions = status["conditions"]
        status["conditions"] = [each for each in conditions if each["type"] != "NonStructuralSchema"]
