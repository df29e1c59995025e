"""Config maps and secrets that pods use: watched one by one while a pod refers to them (watch-based)."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kprov.kube.client import ApiError, Informer, RestClient
from kprov.kube.kubelet.pods.pod_queries import Pod, all_containers, namespace_of, uid_of

log = logging.getLogger(__name__)

Key = tuple[str, str, str]  # ("configmaps" or "secrets", namespace, name)


@dataclass
class _Watched:
    informer: Informer[dict[str, Any]]
    task: asyncio.Task[None]
    users: set[str] = field(default_factory=set)


class ObjectCache:
    """``on_change(pod uid)`` is called when an object that the pod uses has changed."""

    def __init__(self, client: RestClient | None, on_change: Callable[[str], None]) -> None:
        self._client = client
        self._on_change = on_change
        self._watched: dict[Key, _Watched] = {}

    async def lookup(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None when there is none. Raises ClientError."""
        watched = self._watched.get((kind, namespace, name))
        if watched is not None and watched.informer.has_synced:
            found = watched.informer.get(namespace, name)
            if found is not None:
                return found
        if self._client is None:
            return None
        try:
            return await self._client.resource("", "v1", kind).get(name, namespace=namespace)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    def register(self, pod: Pod) -> None:
        """Watch what the pod refers to."""
        uid = uid_of(pod)
        wanted = references(pod)
        for key in wanted:
            watched = self._watched.get(key)
            if watched is None and self._client is not None:
                watched = self._watched[key] = self._watch(key, self._client)
            if watched is not None:
                watched.users.add(uid)
        for key, watched in list(self._watched.items()):
            if uid in watched.users and key not in wanted:
                self._leave(key, watched, uid)

    def unregister(self, uid: str) -> None:
        for key, watched in list(self._watched.items()):
            if uid in watched.users:
                self._leave(key, watched, uid)

    async def close(self) -> None:
        for watched in self._watched.values():
            watched.task.cancel()
        self._watched.clear()

    def _leave(self, key: Key, watched: _Watched, uid: str) -> None:
        watched.users.discard(uid)
        if not watched.users:
            watched.task.cancel()
            self._watched.pop(key, None)

    def _watch(self, key: Key, client: RestClient) -> _Watched:
        kind, namespace, name = key
        informer = Informer(
            client.resource("", "v1", kind), namespace=namespace, field_selector=f"metadata.name={name}"
        )
        watched = _Watched(informer, asyncio.get_running_loop().create_task(informer.run()))

        def changed(*_: Any) -> None:
            for uid in list(watched.users):
                self._on_change(uid)

        informer.add_handler(on_add=changed, on_update=changed, on_delete=changed)
        return watched


def references(pod: Pod) -> set[Key]:
    """The config maps and secrets named anywhere in the pod."""
    namespace = namespace_of(pod)
    found: set[Key] = set()
    for container in all_containers(pod):
        for source in container.get("envFrom") or []:
            _add(found, namespace, source.get("configMapRef"), source.get("secretRef"))
        for entry in container.get("env") or []:
            source = entry.get("valueFrom") or {}
            _add(found, namespace, source.get("configMapKeyRef"), source.get("secretKeyRef"))
    for volume in pod["spec"].get("volumes") or []:
        parts = [volume, *((volume.get("projected") or {}).get("sources") or [])]
        for part in parts:
            secret = part.get("secret") or {}
            name = secret.get("secretName") or secret.get("name")
            _add(found, namespace, part.get("configMap"), {"name": name} if name else None)
    for reference in pod["spec"].get("imagePullSecrets") or []:
        _add(found, namespace, None, reference)
    return found


def _add(found: set[Key], namespace: str, config_map: Any, secret: Any) -> None:
    if config_map and config_map.get("name"):
        found.add(("configmaps", namespace, config_map["name"]))
    if secret and secret.get("name"):
        found.add(("secrets", namespace, secret["name"]))
