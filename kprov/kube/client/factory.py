"""One shared informer for each resource and selection (client-go's SharedInformerFactory)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from kprov.kube.api.meta import Object as Whole
from kprov.kube.client.informer import Informer
from kprov.kube.client.store import IndexFunction

if TYPE_CHECKING:
    from kprov.kube.client.rest import RestClient

Object = TypeVar("Object")
# Group, version, plural, view, namespace, label and field selector.
_Key = tuple[Any, ...]


class InformerFactory:
    """Get informers and add handlers first, then `run`. Later informers start immediately."""

    def __init__(
        self,
        client: "RestClient",
        *,
        transforms: Mapping[type, Callable[[Any], Any]] | None = None,
        streams: bool = False,
    ) -> None:
        """Take what the informers do with each object before they store it, by view, as transforms.

        streams: see `Informer`.
        """
        self.client = client
        self._transforms = transforms or {}
        self._streams = streams
        self._informers: dict[_Key, Informer[Any]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[_Key, asyncio.Task[None]] = {}

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
        """Return the shared informer of that resource, view and selection. Adds new indexers to it."""
        key = (group, version, plural, view, namespace, label_selector, field_selector)
        informer = self._informers.get(key)
        if informer is None:
            informer = Informer(
                self.client.resource(group, version, plural, view),
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                indexers=indexers,
                transform=self._transforms.get(view),
                streams=self._streams,
            )
            self._informers[key] = informer
            if self._group is not None:
                self._tasks[key] = self._group.create_task(informer.run())
        elif indexers:
            informer.add_indexers(indexers)
        return informer

    def whole_informer(self, group: str, plural: str) -> Informer[Any] | None:
        """Return an informer that has all objects of the resource, with all of their metadata, or None."""
        for (own_group, _, own_plural, view, *selection), informer in self._informers.items():
            if (own_group, own_plural) == (group, plural) and issubclass(view, Whole) and not any(selection):
                return informer
        return None

    def __contains__(self, informer: object) -> bool:
        return any(other is informer for other in self._informers.values())

    def remove(self, informer: Informer[Any]) -> None:
        """Stop an informer whose resource is gone. A later one of the same kind starts anew."""
        for key in [key for key, other in self._informers.items() if other is informer]:
            del self._informers[key]
            if (task := self._tasks.pop(key, None)) is not None:
                task.cancel()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep all informers up to date until `stop` is set."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._tasks = {
                key: group.create_task(informer.run()) for key, informer in self._informers.items()
            }
            try:
                await stop.wait()
            finally:
                self._group = None
            for task in self._tasks.values():
                task.cancel()

    async def wait_for_sync(self) -> None:
        """Wait until every informer so far has its first list."""
        for informer in list(self._informers.values()):
            await informer.wait_for_sync()

    @property
    def has_synced(self) -> bool:
        return all(informer.has_synced for informer in self._informers.values())
