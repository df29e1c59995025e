"""The controllers of custom resource definitions: names and conditions, and the removal of their objects.

Several servers may do this at the same time; each write has the resourceVersion that it was computed from.
Source: apiextensions-apiserver/pkg/controller/{status,establish,finalizer}.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.registry.apiextensions import definition_state, name_conflicts
from kprov.kube.apiserver.registry.apiextensions.custom_resource.kind_builder import CustomKinds
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import validation
from kprov.kube.apiserver.registry.apiextensions.definition_state import (
    ESTABLISHED,
    FINALIZER,
    NAMES_ACCEPTED,
    NON_STRUCTURAL,
    TERMINATING,
)
from kprov.kube.apiserver.registry.apiextensions.definition_status import DefinitionStatusWriter
from kprov.kube.apiserver.registry.apiextensions.definitions import Definition
from kprov.kube.apiserver.registry.custom_kinds import GROUP, PLURAL, CustomKindsPublisher
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import list_resources
from kprov.kube.machinery.schema.custom.structural import SchemaError
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.5
_DELETIONS_AT_ONCE: Final = 16
#: The reason of Established while the kinds cannot be built.
_BUILD_FAILED: Final = "BuildFailed"


class DefinitionController:
    """Writes the status of definitions, one after the other, and removes the objects of deleted ones."""

    def __init__(self, registry: Registry, publisher: CustomKindsPublisher) -> None:
        self._registry = registry
        self._publisher = publisher
        self._definitions = publisher.definitions
        self._store = registry.store(GROUP, PLURAL)
        self._writer = DefinitionStatusWriter(self._store)
        self._queue: dict[str, None] = {}
        #: The names in the queue whose definition has changed.
        self._changed: set[str] = set()
        #: The names in the queue whose kinds were built or could not be built.
        self._published: set[str] = set()
        self._wake = asyncio.Event()
        self._finalizers: dict[str, asyncio.Task[None]] = {}

    async def run(self, done: Callable[[], None]) -> None:
        """Work until cancelled."""
        self._publisher.on_publication(self._notice_publication)
        self._definitions.on_change(self._notice)
        # Clients of a ready server must not see a discovery without the kinds of present definitions.
        await self._publisher.wait_until_idle()
        done()
        try:
            while True:
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                await asyncio.sleep(0)  # other tasks run between two definitions
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

    def _notice(self, name: str) -> None:
        self._changed.add(name)
        self._enqueue(name)

    def _notice_publication(self, name: str) -> None:
        self._published.add(name)
        self._enqueue(name)

    def _enqueue_waiting(self, name: str) -> None:
        """Look again at the definitions of the group that wait for names."""
        for other in self._definitions.list_group(name.partition(".")[2]):
            if not definition_state.is_true(other.summary, NAMES_ACCEPTED):
                self._enqueue(other.entry.name)

    def _enqueue(self, name: str) -> None:
        self._queue[name] = None
        self._wake.set()

    async def _sync(self, name: str) -> None:
        known_definition = self._definitions.get(name)
        is_changed = name in self._changed
        self._changed.discard(name)
        if is_changed and (
            known_definition is None or not definition_state.is_true(known_definition.summary, NAMES_ACCEPTED)
        ):
            # Its names are free, or it waits for names.
            self._enqueue_waiting(name)
        if known_definition is None:
            return
        definition = known_definition.summary
        if known_definition.is_being_deleted:
            if FINALIZER in (definition["metadata"].get("finalizers") or ()) and name not in self._finalizers:
                task = start_background_task(self._finalize(name), f"finalize {name}")
                self._finalizers[name] = task
                task.add_done_callback(lambda _: self._finalizers.pop(name, None))
            return
        others = (other.summary for other in self._definitions.list_group(definition["spec"]["group"]))
        others = (other.summary for other in self._definitions.list_group(definition["spec"]["group"]))
        names, reason, message = name_conflicts.accept_names(definition, others)
        is_accepted = reason == "NoConflicts"
        failure = self._publisher.find_failure(known_definition)
        is_news = name in self._published
        self._published.discard(name)
        published = self._publisher.find(name)
        is_published = published is not None and published.uid == known_definition.uid

        def change(status: JsonObject) -> None:
            status["acceptedNames"] = names
            _set_policy_conditions(definition, status, is_schema_built=failure is None)
            if not definition_state.is_true(definition, NAMES_ACCEPTED) or not is_accepted:
                definition_state.set_condition(
                    status, NAMES_ACCEPTED, "True" if is_accepted else "False", reason, message
                )
            if failure is None:
                _set_established(status, is_accepted=is_accepted, is_published=is_published)
            elif is_news:
                # Once for each attempt, because another server may be able to build it, and says so.
                _set_failed(status, failure)

        await self._write_status(known_definition, change)

    async def _write_status(self, definition: Definition, change: Callable[[JsonObject], None]) -> None:
        """Change the status. Raise StatusError 409 if the definition is not the newest."""
        status = dict(definition.summary["status"])
        change(status)
        if status != definition.summary["status"]:
            await self._writer.write(definition, status)

    async def _finalize(self, name: str) -> None:
        """Remove all objects of a deleted definition, then its finalizer. Retry until that is done."""
        while True:
            try:
                await self._store.catch_up()
                definition = self._definitions.get(name)
                if definition is None or not definition.is_being_deleted:
                    return
                await self._delete_objects(definition)
                return
            except StatusError as error:
                if error.reason not in {"NotFound", "Conflict"}:
                    log.warning("cannot remove the objects of %s, trying again: %s", name, error)
            await asyncio.sleep(_POLL_SECONDS)

    async def _delete_objects(self, definition: Definition) -> None:
        spec = definition.summary["spec"]
        if (spec["group"], spec["names"]["plural"]) in _list_built_in():
            await self._end(
                definition,
                "OverlappingBuiltInResource",
                "instances overlap with built-in resources in storage",
            )
            return
        if not definition_state.is_true(definition.summary, ESTABLISHED) and await self._end(
            definition, "NeverEstablished", "resource was never established", empty=_find_prefix(definition)
        ):
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
        while (published := await self._find_kinds(definition)) is not None:
            store = published.store
            await store.catch_up()
            store.check_readable()
            entries = list(store.cache.select(Selection()))
            newest = self._find_newest(definition)
            if not entries and (
                newest is None
                or await self._end(
                    newest, "InstanceDeletionCompleted", "removed all instances", empty=store.cache.prefix
                )
            ):
                return
            await self._delete_once(store, entries)
            await asyncio.sleep(_POLL_SECONDS)

    def _find_newest(self, definition: Definition) -> Definition | None:
        """Return the present state of a definition, None if it is gone or another has its name."""
        newest = self._definitions.get(definition.entry.name)
        return newest if newest is not None and newest.uid == definition.uid else None

    async def _find_kinds(self, definition: Definition) -> CustomKinds | None:
        """Wait until the kinds of a definition are published, and return them. None if it is gone.

        Another server may have ended the deletion: then a new definition with this name and its objects
        are not to be touched.
        """
        name, uid = definition.entry.name, definition.uid
        while self._find_newest(definition) is not None:
            await self._publisher.wait_until_published()
            published = self._publisher.find(name)
            if published is not None and published.uid == uid:
                return published
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def _delete_once(self, store: Store, entries: Sequence[Entry]) -> None:
        """Delete objects, some at a time. Those with finalizers stay until their controllers are done."""
        remaining = iter(entries)

        async def work() -> None:
            for entry in remaining:
                await asyncio.sleep(0)
                metadata = store.cache.decode(entry)["metadata"]
                if metadata.get("deletionTimestamp"):
                    continue
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

    async def _end(self, definition: Definition, reason: str, message: str, *, empty: str = "") -> bool:
        """Let the definition go. False: an object was created since the objects were listed.

        The server that created it had not seen the deletion yet. After the definition is gone, none can
        create one, because the definition is the guard of these creations.
        """
        status = dict(definition.summary["status"])
        definition_state.set_condition(status, TERMINATING, "False", reason, message)
        return await self._writer.end(definition, status, empty=empty)


def _find_prefix(definition: Definition) -> str:
    """Return the prefix of objects that a server may have created, "" if the names were never accepted."""
    plural = (definition.summary["status"].get("acceptedNames") or {}).get("plural")
    return keys.build_prefix(f"{definition.summary['spec']['group']}/{plural}") if plural else ""


def _set_policy_conditions(definition: JsonObject, status: JsonObject, *, is_schema_built: bool) -> None:
    """Set what upstream's controllers say of the approval and of the schema.

    Source: apiextensions-apiserver/pkg/controller/{apiapproval,nonstructuralschema}.
    """
    approval = validation.describe_approval(definition)
    if approval is not None:
        definition_state.set_condition(status, "KubernetesAPIApprovalPolicyConformant", *approval)
    if definition["spec"].get("preserveUnknownFields"):
        message = "spec.preserveUnknownFields: Invalid value: true: must be false"
        definition_state.set_condition(status, NON_STRUCTURAL, "True", "Violations", message)
    elif is_schema_built and definition_state.find_condition({"status": status}, NON_STRUCTURAL) is not None:
        conditions = status["conditions"]
        status["conditions"] = [condition for condition in conditions if condition["type"] != NON_STRUCTURAL]


def _set_established(status: JsonObject, *, is_accepted: bool, is_published: bool) -> None:
    """Set the condition Established, which stays True."""
    held = definition_state.find_condition({"status": status}, ESTABLISHED) or {}
    has_failed = held.get("reason") == _BUILD_FAILED
    if held.get("status") == "True" and not (has_failed and is_published):
        return
    value, reason, message = "False", "Installing", "the initial names have been accepted"
    if not is_accepted:
        reason, message = "NotAccepted", "not all names are accepted"
    elif is_published:
        value, reason = "True", "InitialNamesAccepted"
    definition_state.set_condition(status, ESTABLISHED, value, reason, message)


def _set_failed(status: JsonObject, failure: Exception) -> None:
    """Tell why the kinds cannot be built. Objects may exist once Established was True: it stays so.

    Upstream's server answers each request with 500 instead, and writes the reason to its log. For a schema
    that is not structural it has the condition NonStructuralSchema, too.
    """
    value = "True" if definition_state.is_true({"status": status}, ESTABLISHED) else "False"
    text = f"the server cannot serve the custom resources: {failure}"
    definition_state.set_condition(status, ESTABLISHED, value, _BUILD_FAILED, text)
    if isinstance(failure, SchemaError):
        text = f"failed to check validation schema: {failure}"
        definition_state.set_condition(status, NON_STRUCTURAL, "Unknown", "StructuralError", text)


@cache
def _list_built_in() -> frozenset[tuple[str, str]]:
    """(group, plural) of the built-in resources."""
    return frozenset((resource.group, resource.plural) for resource in list_resources())
