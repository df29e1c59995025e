"""Publish the kinds of custom resource definitions while the server runs. See docs/decisions/028.

Source: apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from kprov.kube.apiserver.interfaces import Admission
from kprov.kube.apiserver.registry.apiextensions import definition_state
from kprov.kube.apiserver.registry.apiextensions.custom_resource.hooks import CustomResourceHooks
from kprov.kube.apiserver.registry.apiextensions.custom_resource.kind_builder import (
    CustomKinds,
    build_kinds,
    omit_schemas,
)
from kprov.kube.apiserver.registry.apiextensions.definitions import (
    Definition,
    Definitions,
    build_guard_key,
    find_uid,
)
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.storage.interface import Guard, GuardError, KeyExistsError, StorageError
from kprov.kube.component_base.backoff import Backoff
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

GROUP: Final = "apiextensions.k8s.io"
PLURAL: Final = "customresourcedefinitions"
_WAIT_SECONDS: Final = 5.0


class CustomKindsPublisher:
    """Follows the definitions, builds their kinds one after the other in a thread, and publishes them."""

    def __init__(self, registry: Registry) -> None:
        """Set `admission` before `run`."""
        self._registry = registry
        self.admission: Admission | None = None
        self._store = registry.store(GROUP, PLURAL)
        self.definitions: Final = Definitions(self._store.cache)
        #: The names of the definitions that have to be built.
        self._pending: dict[str, None] = {}
        #: The name of the definition that is being built.
        self._building = ""
        #: Set after each build, and then replaced.
        self._progress = asyncio.Event()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._built: dict[str, tuple[Any, CustomKinds]] = {}
        #: By name, with the digest of the definition that cannot be built.
        self._failures: dict[str, tuple[bytes, Exception]] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._retries: dict[str, asyncio.TimerHandle] = {}
        self._listeners: list[Callable[[str], None]] = []
        self.definitions.on_change(self._notice)

    def find(self, name: str) -> CustomKinds | None:
        """Return what a definition has published, None if nothing."""
        publication = self._built.get(name)
        return None if publication is None else publication[1]

    def find_failure(self, definition: Definition) -> Exception | None:
        """Return why the kinds of a definition cannot be built, None if they can or were not tried."""
        digest, error = self._failures.get(definition.entry.name, (b"", None))
        return error if digest == definition.digest else None

    def on_publication(self, listener: Callable[[str], None]) -> None:
        """Call a listener with the name of each definition whose kinds were published or removed.

        Also after each attempt to build them that failed.
        """
        self._listeners.append(listener)

    async def run(self) -> None:
        """Build and publish until cancelled."""
        await self._registry.cacher.loaded.wait()
        try:
            await self._build_pending()
        finally:
            for retry in self._retries.values():
                retry.cancel()

    async def _build_pending(self) -> None:
        while True:
            if not self._pending:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            self._idle.clear()
            name = self._building = next(iter(self._pending))
            del self._pending[name]
            try:
                await self._follow(name)
            except StorageError as error:
                log.warning("cannot read the objects of %s, trying again: %s", name, error)
                self._retry(name)
            except Exception as error:
                # Whatever is wrong with one definition, the others are served.
                log.exception("cannot serve the custom resources of %s", name)
                self._retry(name)
                self._fail(name, error)
            else:
                self._failures.pop(name, None)
                self._backoffs.pop(name, None)
            self._building = ""
            self._progress.set()
            self._progress = asyncio.Event()

    async def wait_for_group(self, group: str) -> bool:
        """Wait until the definitions of a group are published. False: no definition can have the group.

        They are built before those of other groups: after a start there may be hundreds. All requests that
        wait share the question to etcd, so that a flood of wrong paths costs no more than one of consistent
        reads. Raise StatusError if etcd does not answer or the builds take too long.
        """
        if "." not in group:
            return False
        await self._store.catch_up()
        first = [name for name in self._pending if _find_group(name) == group]
        if first:
            self._pending = dict.fromkeys([*first, *self._pending])
            self._wake.set()
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while self._is_building(group):
                    await self._progress.wait()
        except TimeoutError:
            text = f"the definitions of {group} are still being built, please try again"
            raise status.failure(503, "ServiceUnavailable", text, {"retryAfterSeconds": 1}) from None
        return True

    def _is_building(self, group: str) -> bool:
        return any(_find_group(name) == group for name in (self._building, *self._pending))

    async def wait_until_published(self) -> None:
        """Wait until all definitions of the cache are built, a few seconds at most."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self.wait_until_idle()
        except TimeoutError:
            log.warning("definitions are still being built")

    async def wait_until_idle(self) -> None:
        """Wait until the kinds of all definitions of the cache are built, or could not be built."""
        while self._pending:
            self._wake.set()
            self._idle.clear()
            await self._idle.wait()
        await self._idle.wait()

    def _fail(self, name: str, error: Exception) -> None:
        definition = self.definitions.get(name)
        if definition is not None:
            self._failures[name] = definition.digest, error
            self._tell(name)

    def _retry(self, name: str) -> None:
        """Build a definition again after a while. Nobody waits for that."""
        if name in self._retries:
            self._retries[name].cancel()
        delay = self._backoffs.setdefault(name, Backoff(initial=1.0, maximum=60.0)).next()
        self._retries[name] = asyncio.get_running_loop().call_later(delay, self._notice, name)

    def _notice(self, name: str) -> None:
        if (retry := self._retries.pop(name, None)) is not None:
            retry.cancel()
        self._pending.pop(name, None)
        self._pending[name] = None
        self._idle.clear()
        self._wake.set()

    async def _follow(self, name: str) -> None:
        definition, held = self.definitions.get(name), self._built.get(name)
        if definition is None or not definition_state.has_accepted_names(definition.summary):
            if held is not None:
                self._withdraw(name, held[1])
            return
        state = (definition.uid, definition.digest, definition.summary["status"].get("acceptedNames"))
        if held is not None and held[0] == state:
            return
        registry = self._registry
        guard = await self._make_guard(definition)
        if guard is None:
            return  # it is gone; the cache will know
        made = await asyncio.to_thread(_build, definition, registry)
        hooks = CustomResourceHooks(self.definitions, name, made.uid)
        for store in (made.store, *(kind.store for kind in made.kinds)):
            store.admission, store.hooks, store.guard = self.admission, hooks, guard
        registry.cacher.add(made.cache)
        try:
            await registry.cacher.fill(made.cache)
        except BaseException:
            registry.cacher.remove(made.cache)
            raise
        # No await from here: requests find the new kinds as soon as the old cache gets no more changes.
        self._built[name] = (state, made)
        registry.kinds.publish(name, made.kinds)
        if held is not None:
            registry.cacher.remove(held[1].cache)
        self._tell(name)

    async def _make_guard(self, definition: Definition) -> Guard | None:
        """Return the guard of all creations, None if the definition does not exist any more.

        Its key is created while the definition exists, and deleted with it.
        """
        storage, key = self._store.storage, build_guard_key(definition.uid)
        stored_definition = await storage.get(definition.entry.key)
        if stored_definition is None or find_uid(stored_definition.value) != definition.uid:
            return None
        try:
            return Guard(
                key,
                await storage.create(key, b"", guard=Guard(stored_definition.key, stored_definition.created)),
            )
        except GuardError:
            return None
        except KeyExistsError:
            held = await storage.get(key)
            return None if held is None else Guard(key, held.created)

    def _withdraw(self, name: str, made: CustomKinds) -> None:
        del self._built[name]
        self._registry.kinds.publish(name, ())
        self._registry.cacher.remove(made.cache)
        self._tell(name)

    def _tell(self, name: str) -> None:
        for listener in self._listeners:
            listener(name)


def _find_group(name: str) -> str:
    """Return the group of a definition. Its name is the plural, a dot, and the group."""
    return name.partition(".")[2]


def _build(definition: Definition, registry: Registry) -> CustomKinds:
    obj = definition.decode()
    try:
        return build_kinds(obj, registry.storage, registry.cacher)
    except Exception:
        if not definition.is_being_deleted:
            raise
        # The removal of the objects needs no schema.
        return build_kinds(omit_schemas(obj), registry.storage, registry.cacher)
