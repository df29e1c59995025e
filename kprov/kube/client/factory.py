"""One shared informer for each resource and selection (client-go's SharedInformerFactory)."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from kprov.kube.client.informer import Informer
from kprov.kube.client.store import IndexFunction

if TYPE_CHECKING:
    from kprov.kube.client.rest import RestClient

Object = TypeVar("Object")


class InformerFactory:
    """Get informers and add handlers first, then ``run``. Later informers start immediately."""

    def __init__(self, client: "RestClient") -> None:
        self.client = client
        self._informers: dict[tuple[Any, ...], Informer[Any]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @overload
    def informer(
        self,
        group: str,
        version: str,
        plural: str,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction] | None = None,
    ) -> Informer[dict[str, Any]]: ...
    @overload
    def informer(
        self,
        group: str,
        version: str,
        plural: str,
        view: type[Object],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction] | None = None,
    ) -> Informer[Object]: ...
    def informer(
        self,
        group: str,
        version: str,
        plural: str,
        view: Any = dict,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, IndexFunction] | None = None,
    ) -> Informer[Any]:
        """The shared informer of that resource, view and selection. Adds new indexers to it."""
        key = (group, version, plural, view, namespace, label_selector, field_selector)
        informer = self._informers.get(key)
        if informer is None:
            informer = Informer(
                self.client.resource(group, version, plural, view),
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                indexers=indexers,
            )
            self._informers[key] = informer
            if self._group is not None:
                self._tasks.append(self._group.create_task(informer.run()))
        elif indexers:
            informer.add_indexers(indexers)
        return informer

    async def run(self, stop: asyncio.Event) -> None:
        """Keep all informers up to date until ``stop`` is set."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._tasks = [group.create_task(informer.run()) for informer in self._informers.values()]
            try:
                await stop.wait()
            finally:
                self._group = None
            for task in self._tasks:
                task.cancel()

    async def wait_for_sync(self) -> None:
        """Wait until every informer so far has its first list."""
        for informer in list(self._informers.values()):
            await informer.wait_for_sync()

    @property
    def has_synced(self) -> bool:
        return all(informer.has_synced for informer in self._informers.values())
