"""The objects of all kinds that can be deleted, as discovery lists them.

They come from the informers of the other controllers, or else from metadata-only informers.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final

from kprov.kube.client import ClientError, Informer, InformerFactory
from kprov.kube.client.discovery import ApiResource, Discovery
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.framework.metadata_view import Owned
from kprov.kube.controller_manager.garbage_collector.graph import AnyObject, Node, get_group

log = logging.getLogger(__name__)

DISCOVERY_SECONDS: Final = 30.0
#: Several changes of definitions cause one discovery.
_SETTLE_SECONDS: Final = 0.5
#: Their changes change the kinds that the server has.
_DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")
_WANTED_VERBS: Final = {"list", "watch", "delete"}
# They are short-lived and have no owners, so they are not watched.
_IGNORED: Final = {("", "events"), ("events.k8s.io", "events")}

_SYNC_ERRORS: Final = metrics.counter(
    "garbagecollector_controller_resources_sync_error", "Number of garbage collector resources sync errors"
)


class Monitors:
    """`seen(resource, obj)` and `gone(resource, obj)` are called for every object of every kind."""

    def __init__(
        self,
        informers: InformerFactory,
        seen: Callable[[ApiResource, AnyObject], None],
        gone: Callable[[ApiResource, AnyObject], None],
    ) -> None:
        self._informers = informers
        self._discovery = Discovery(informers.client)
        self._kinds_changed = asyncio.Event()
        self._seen = seen
        self._gone = gone
        self._running: dict[tuple[str, str], Informer[Any]] = {}
        self._kinds: dict[tuple[str, str], ApiResource] = {}

    def resource(self, api_version: str, kind: str) -> ApiResource | None:
        """Return the resource of a kind, in any version of the group.

        None if the server does not have the kind.
        """
        return self.resource_of_group(get_group(api_version), kind)

    def resource_of_group(self, group: str, kind: str) -> ApiResource | None:
        return self._kinds.get((group, kind))

    def find(self, node: Node) -> AnyObject | None:
        """Return the object of a node as its informer has it, or None."""
        resource = self.resource(node.api_version, node.kind)
        informer = self._running.get((resource.group, resource.plural)) if resource else None
        obj = informer.get(node.namespace, node.name) if informer is not None else None
        return obj if obj is not None and obj.metadata.uid == node.uid else None

    async def run(self) -> None:
        """Start and stop watches as discovery changes, until cancelled."""
        while True:
            try:
                await self.refresh()
            except ClientError as error:
                _SYNC_ERRORS.inc()
                log.warning("garbage collector: discovery failed: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISCOVERY_SECONDS):
                    await self._kinds_changed.wait()
                    await asyncio.sleep(_SETTLE_SECONDS)
            self._kinds_changed.clear()

    async def refresh(self) -> None:
        discovery = await self._discovery.discover()
        self._kinds = {
            (api_resource.group, api_resource.kind): api_resource for api_resource in discovery.resources
        }
        wanted = {
            (api_resource.group, api_resource.plural): api_resource
            for api_resource in discovery.resources
            if api_resource.verbs >= _WANTED_VERBS
            and (api_resource.group, api_resource.plural) not in _IGNORED
        }
        for key in [key for key in self._running if key not in wanted and not discovery.failed]:
            informer = self._running.pop(key)
            self._informers.remove(informer)
            log.info(
                "garbage collector: %s.%s is not served any more (%d objects)",
                key[1],
                key[0],
                len(informer.store),
            )
        for key, resource in wanted.items():
            if key not in self._running:
                self._start(key, resource)

    async def wait_for_sync(self, seconds: float) -> bool:
        """Whether all watches have their first list within that time."""
        try:
            async with asyncio.timeout(seconds):
                while not self._running:  # noqa: ASYNC110  set by discovery, once
                    await asyncio.sleep(0.1)
                for informer in list(self._running.values()):
                    await informer.wait_for_sync()
        except TimeoutError:
            _SYNC_ERRORS.inc()
            lacking = [key for key, informer in self._running.items() if not informer.has_synced]
            log.warning("garbage collector: no first list yet of %s", lacking)
            return False
        return True

    def _start(self, key: tuple[str, str], resource: ApiResource) -> None:
        informer = self._informers.whole_informer(*key) or self._informers.informer(
            resource.group, resource.version, resource.plural, Owned
        )
        informer.add_handler(
            on_add=lambda obj: self._seen(resource, obj),
            on_update=lambda _, new: self._seen(resource, new),
            on_delete=lambda obj: self._gone(resource, obj),
        )
        if key == _DEFINITIONS:
            informer.add_handler(
                on_add=self._handle_definition,
                on_update=lambda _, new: self._handle_definition(new),
                on_delete=self._handle_definition,
            )
        self._running[key] = informer

    def _handle_definition(self, _: AnyObject) -> None:
        self._kinds_changed.set()
