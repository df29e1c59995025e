"""Writes the binding of a pod, and learns what the server did with it if the answer does not say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ApiError, ClientError, TransportError
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base.backoff import Backoff

log = logging.getLogger(__name__)


#: Bindings at the same time. More would only wait in the API server, and each has a connection of 83 KB.
_BINDINGS = 32
#: A binding that takes longer does not count any more, so that it delays no others.
_SLOW_SECONDS = 1.0


class PodBinder:
    """Binds pods, not too many at once. All profiles share it."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._bindings = asyncio.Semaphore(_BINDINGS)

    async def bind(self, pod: Pod, node: str) -> None:
        """Bind a pod with `bind_pod` when fewer than _BINDINGS others are under way."""
        async with self._take_place():
            await bind_pod(self._client, pod, node)

    @asynccontextmanager
    async def _take_place(self) -> AsyncIterator[None]:
        """Take one of the places for bindings. A slow binding leaves its place before it ends."""
        await self._bindings.acquire()
        leave = _call_once(self._bindings.release)
        timer = asyncio.get_running_loop().call_later(_SLOW_SECONDS, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()


def _call_once(function: Callable[[], None]) -> Callable[[], None]:
    calls = [function]
    return lambda: calls.pop()() if calls else None


async def bind_pod(client: RestClient, pod: Pod, node: str) -> None:
    """Bind the pod. Raise ApiError if the server did not bind it to this node.

    The server may have executed a request whose answer was lost, so it is repeated until an answer comes.
    Until then no other pod may get the place on the node.
    """
    meta = pod.metadata
    path = f"/api/v1/namespaces/{meta.namespace}/pods/{meta.name}"
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }
    backoff = Backoff(initial=0.1, maximum=5.0)
    is_repeated = False
    while True:
        try:
            await client.request("POST", f"{path}/binding", body=binding)
        except TransportError as error:
            log.warning("binding pod %s to %s: %s, trying again", pod.key, node, error)
        except ApiError as error:
            if error.code < 500 and not (is_repeated and error.is_conflict):
                raise
            bound_node = await _find_node(client, path, meta.uid)
            if bound_node == node:
                return
            if bound_node is not None:
                raise
        else:
            return
        is_repeated = True
        await asyncio.sleep(backoff.next())


async def _find_node(client: RestClient, path: str, uid: str) -> str | None:
    """Return the node of the pod in the newest state, "" if it has none or is gone, None if unknown."""
    try:
        pod = orjson.loads(await client.request("GET", path))
    except ClientError as error:
        return "" if isinstance(error, ApiError) and error.is_not_found else None
    return str(pod["spec"].get("nodeName", "")) if pod["metadata"]["uid"] == uid else ""
