"""Config maps and secrets that pods use. Each is watched while a pod refers to it (WatchBasedManager)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.client import ApiError, Informer, RestClient
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.kubelet.pods.pod_queries import list_containers
from kprov.kube.machinery.json_object import JsonObject

Key = tuple[str, str, str]  # ("configmaps" or "secrets", namespace, name)
# (kind "configmaps" or "secrets", namespace, name) > the object, None if it does not exist.
ObjectLookup = Callable[[str, str, str], Awaitable[JsonObject | None]]


@dataclass
class _Watch:
    informer: Informer[JsonObject]
    task: asyncio.Task[None]
    pod_uids: set[PodUID] = field(default_factory=set)


class ObjectCache:
    """`on_change(pod uid)` is called when an object that the pod uses has changed."""

    def __init__(self, client: RestClient | None, on_change: Callable[[PodUID], None]) -> None:
        self._client = client
        self._on_change = on_change
        self._watches: dict[Key, _Watch] = {}

    async def get_object(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """Return the object, None if it does not exist. Raises ClientError."""
        watch = self._watches.get((kind, namespace, name))
        if watch is not None and watch.informer.has_synced:
            obj = watch.informer.get(namespace, name)
            if obj is not None:
                return obj
        if self._client is None:
            return None
        try:
            return await self._client.resource("", "v1", kind).get(name, namespace=namespace)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    def register_pod(self, pod: Pod) -> None:
        """Watch the objects that the pod refers to, and no others for it."""
        uid = pod.uid
        references = list_references(pod)
        for key in references:
            watch = self._watches.get(key)
            if watch is None and self._client is not None:
                watch = self._watches[key] = self._start_watch(key, self._client)
            if watch is not None:
                watch.pod_uids.add(uid)
        for key, watch in list(self._watches.items()):
            if uid in watch.pod_uids and key not in references:
                self._remove_user(key, watch, uid)

    def unregister_pod(self, uid: PodUID) -> None:
        for key, watch in list(self._watches.items()):
            if uid in watch.pod_uids:
                self._remove_user(key, watch, uid)

    async def close(self) -> None:
        for watch in self._watches.values():
            watch.task.cancel()
        self._watches.clear()

    def _remove_user(self, key: Key, watch: _Watch, uid: PodUID) -> None:
        watch.pod_uids.discard(uid)
        if not watch.pod_uids:
            watch.task.cancel()
            self._watches.pop(key, None)

    def _start_watch(self, key: Key, client: RestClient) -> _Watch:
        kind, namespace, name = key
        informer = Informer(
            client.resource("", "v1", kind), namespace=namespace, field_selector=f"metadata.name={name}"
        )
        watch = _Watch(informer, start_background_task(informer.run(), f"watch of {kind} {namespace}/{name}"))

        def notify(*_: Any) -> None:
            for uid in list(watch.pod_uids):
                self._on_change(uid)

        informer.add_handler(on_add=notify, on_update=notify, on_delete=notify)
        return watch


def list_references(pod: Pod) -> set[Key]:
    """Return the config maps and secrets that the pod names anywhere."""
    names: set[tuple[str, str]] = set()
    for container in list_containers(pod):
        names |= _list_of_environment(container)
    for volume in pod.spec.volumes:
        for source in (volume, *((volume.get("projected") or {}).get("sources") or [])):
            names |= _list_of_volume(source)
    names |= {("secrets", reference.name) for reference in pod.spec.image_pull_secrets}
    return {(kind, pod.metadata.namespace, name) for kind, name in names if name}


def _list_of_environment(container: Container) -> set[tuple[str, str]]:
    references = [("configmaps", source.config_map_ref) for source in container.env_from]
    references += [("secrets", source.secret_ref) for source in container.env_from]
    names = {(kind, reference.name) for kind, reference in references if reference is not None}
    for variable in container.env:
        if (source := variable.value_from) is not None:
            keys = (("configmaps", source.config_map_key_ref), ("secrets", source.secret_key_ref))
            names |= {(kind, key.name) for kind, key in keys if key is not None}
    return names


def _list_of_volume(source: JsonObject) -> set[tuple[str, str]]:
    """`source`: a volume, or a source of a projected volume, which says `name` for a secret."""
    secret = source.get("secret") or {}
    return {
        ("configmaps", (source.get("configMap") or {}).get("name") or ""),
        ("secrets", secret.get("secretName") or secret.get("name") or ""),
    }
