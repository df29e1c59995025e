"""An informer's copy follows the server through broken watches and expired versions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from kprov.kube.api.core import Pod, PodSpec
from kprov.kube.client import Informer, InformerFactory, RestClient
from kprov.kube.client import informer as informer_module

PODS = "/api/v1/namespaces/ns/pods"


def pod(name: str, version: str, node: str = "") -> dict[str, Any]:
    meta = {"name": name, "namespace": "ns", "resourceVersion": version}
    return {"metadata": meta, "spec": {"nodeName": node}}


class Seen:
    def __init__(self) -> None:
        self.changes: list[str] = []
        self._changed = asyncio.Event()

    def attach(self, informer: Informer[Pod]) -> None:
        informer.add_handler(
            on_add=lambda new: self._note("add", new),
            on_update=lambda _, new: self._note("update", new),
            on_delete=lambda old: self._note("delete", old),
        )

    def _note(self, what: str, obj: Pod) -> None:
        self.changes.append(f"{what} {obj.metadata.name}@{obj.metadata.resource_version}")
        self._changed.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.changes) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.changes


@pytest.fixture
async def informer(
    server: Any, client: RestClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Informer[Pod], Seen]]:
    monkeypatch.setattr(informer_module, "_SHORT_WATCH_SECONDS", 0)
    factory = InformerFactory(client)
    informer = factory.informer("", "v1", "pods", Pod, indexers={"node": lambda p: [p.spec.node_name]})
    seen = Seen()
    seen.attach(informer)
    stop = asyncio.Event()
    server.objects["/api/v1/pods/a"] = pod("a", "5", "n1")
    task = asyncio.create_task(factory.run(stop))
    await factory.wait_for_sync()
    yield informer, seen
    stop.set()
    await task


async def test_the_first_list_fills_store_and_index(informer: tuple[Informer[Pod], Seen]) -> None:
    store, seen = informer
    assert seen.changes == ["add a@5"]
    assert [p.metadata.name for p in store.by_index("node", "n1")] == ["a"]
    assert store.get("ns", "a") is store.list("ns")[0]


async def test_watch_events_change_the_copy(server: Any, informer: tuple[Informer[Pod], Seen]) -> None:
    store, seen = informer
    server.watches.put_nowait({"type": "ADDED", "object": pod("b", "20", "n2")})
    server.watches.put_nowait({"type": "MODIFIED", "object": pod("a", "21", "n2")})
    server.watches.put_nowait({"type": "DELETED", "object": pod("b", "22", "n2")})
    assert await seen.until(4) == ["add a@5", "add b@20", "update a@21", "delete b@22"]
    assert [p.key for p in store.by_index("node", "n2")] == ["ns/a"]
    assert store.by_index("node", "n1") == []
    assert store.applied_version == "22"


async def test_informer_resumes_an_ended_watch_at_the_last_version(
    server: Any, informer: tuple[Informer[Pod], Seen]
) -> None:
    _, seen = informer
    server.watches.put_nowait({"type": "BOOKMARK", "object": pod("", "30")})
    server.watches.put_nowait(None)
    server.watches.put_nowait({"type": "ADDED", "object": pod("b", "31")})
    await seen.until(2)
    assert server.watch_versions == ["10", "30"]
    assert server.list_versions == ["0"]


def upstream_bookmark(version: str) -> dict[str, Any]:
    """What a Go server sends: an empty Pod whose only content is its version."""
    return {
        "type": "BOOKMARK",
        "object": {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": version},
            "spec": {"containers": None},
            "status": {},
        },
    }


async def test_informer_takes_only_the_version_of_a_bookmark(
    server: Any, informer: tuple[Informer[Pod], Seen]
) -> None:
    store, seen = informer
    server.watches.put_nowait(upstream_bookmark("30"))
    server.watches.put_nowait({"type": "ADDED", "object": pod("b", "31")})
    server.watches.put_nowait(upstream_bookmark("35"))
    server.watches.put_nowait(None)
    server.watches.put_nowait({"type": "ADDED", "object": pod("c", "36")})
    assert await seen.until(3) == ["add a@5", "add b@31", "add c@36"]
    assert server.watch_versions == ["10", "35"]
    assert server.list_versions == ["0"]
    assert [p.metadata.name for p in store.list("ns")] == ["a", "b", "c"]


async def test_a_bookmark_needs_no_field_of_its_kind(
    server: Any, informer: tuple[Informer[Pod], Seen]
) -> None:
    """Whatever an empty object of a later version looks like, its resource version is enough."""
    _, seen = informer
    bookmark = upstream_bookmark("30")
    bookmark["object"]["spec"] = "of another version"
    server.watches.put_nowait(bookmark)
    server.watches.put_nowait(None)
    server.watches.put_nowait({"type": "ADDED", "object": pod("b", "31")})
    await seen.until(2)
    assert server.watch_versions == ["10", "30"]
    assert server.list_versions == ["0"]


async def test_null_lists_of_a_go_server_are_read_as_empty(
    server: Any, informer: tuple[Informer[Pod], Seen]
) -> None:
    store, seen = informer
    empty = pod("b", "31") | {"spec": {"containers": None, "tolerations": None, "nodeName": "n3"}}
    server.watches.put_nowait({"type": "ADDED", "object": empty})
    server.objects["/api/v1/pods/c"] = {**empty, "metadata": {**empty["metadata"], "name": "c"}}
    await seen.until(2)
    assert [p.spec.containers for p in store.by_index("node", "n3")] == [[]]
    assert [p.spec.tolerations for p in (await store.resource.list()).items or []] == [[], []]


async def test_informer_lists_again_after_410_and_reports_missed_deletions(
    server: Any, informer: tuple[Informer[Pod], Seen]
) -> None:
    store, seen = informer
    versions: list[str] = []
    # A new list tells nothing about all objects before its end.
    store.add_handler(on_delete=lambda _: versions.append(store.applied_version))
    server.objects.clear()
    server.objects["/api/v1/pods/c"] = pod("c", "40")
    server.watches.put_nowait(
        {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
    )
    server.watches.put_nowait(None)
    assert await seen.until(3) == ["add a@5", "delete a@5", "add c@40"]
    assert server.list_versions == ["0", None]
    assert versions == ["10"]


async def test_late_handler_gets_the_objects_in_the_store(informer: tuple[Informer[Pod], Seen]) -> None:
    store, _ = informer
    late = Seen()
    late.attach(store)
    assert late.changes == ["add a@5"]


def last_initial_bookmark(version: str) -> dict[str, Any]:
    metadata = {"resourceVersion": version, "annotations": {"k8s.io/initial-events-end": "true"}}
    return {"type": "BOOKMARK", "object": {"kind": "Pod", "apiVersion": "v1", "metadata": metadata}}


@pytest.fixture
async def streaming(
    client: RestClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Informer[Pod], Seen]]:
    monkeypatch.setattr(informer_module, "_SHORT_WATCH_SECONDS", 0)
    informer = Informer(client.resource("", "v1", "pods", Pod), streams=True)
    seen = Seen()
    seen.attach(informer)
    task = asyncio.create_task(informer.run())
    yield informer, seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_streaming_informer_gets_its_first_objects_from_a_watch(
    server: Any, streaming: tuple[Informer[Pod], Seen]
) -> None:
    store, seen = streaming
    server.watches.put_nowait({"type": "ADDED", "object": pod("a", "5")})
    assert await seen.until(1) == ["add a@5"]
    assert not store.has_synced
    server.watches.put_nowait(last_initial_bookmark("7"))
    await store.wait_for_sync()
    server.watches.put_nowait(None)
    server.watches.put_nowait({"type": "MODIFIED", "object": pod("a", "8")})
    assert await seen.until(2) == ["add a@5", "update a@8"]
    queries = [path for _, path, _ in server.requests]
    assert "sendInitialEvents=true" in queries[0]
    assert "sendInitialEvents" not in queries[1]
    assert server.watch_versions == [None, "7"]
    assert server.list_versions == []


async def test_a_streaming_informer_that_missed_deletions_reports_them_at_the_end_of_the_objects(
    server: Any, streaming: tuple[Informer[Pod], Seen]
) -> None:
    store, seen = streaming
    for first in ({"type": "ADDED", "object": pod("a", "5")}, last_initial_bookmark("7")):
        server.watches.put_nowait(first)
    await store.wait_for_sync()
    expired = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
    events = [expired, None, {"type": "ADDED", "object": pod("b", "9")}, last_initial_bookmark("9")]
    for event in events:
        server.watches.put_nowait(event)
    assert await seen.until(3) == ["add a@5", "add b@9", "delete a@5"]


async def test_an_interrupted_stream_of_first_objects_begins_again(
    server: Any, streaming: tuple[Informer[Pod], Seen]
) -> None:
    store, seen = streaming
    events: list[dict[str, Any] | None] = [
        {"type": "ADDED", "object": pod("a", "5")},
        None,
        {"type": "ADDED", "object": pod("b", "6")},
        last_initial_bookmark("7"),
    ]
    for event in events:
        server.watches.put_nowait(event)
    await store.wait_for_sync()
    assert seen.changes == ["add a@5", "add b@6", "delete a@5"]
    assert server.watch_versions == [None, None]


async def test_a_server_without_streams_is_asked_for_a_list(
    server: Any, client: RestClient, refuse: Any
) -> None:
    server.answers = [refuse(422, "Invalid")]
    server.objects["/api/v1/pods/a"] = pod("a", "5")
    informer = Informer(client.resource("", "v1", "pods", Pod), streams=True)
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(5):
        await informer.wait_for_sync()
    assert [each.key for each in informer.list()] == ["ns/a"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_store_and_handlers_get_what_the_transform_returns(server: Any, client: RestClient) -> None:
    def drop_node(obj: Pod) -> Pod:
        return msgspec.structs.replace(obj, spec=PodSpec())

    factory = InformerFactory(client, transforms={Pod: drop_node})
    informer = factory.informer("", "v1", "pods", Pod, indexers={"node": lambda p: [p.spec.node_name]})
    gone: asyncio.Queue[str] = asyncio.Queue()
    informer.add_handler(on_delete=lambda obj: gone.put_nowait(obj.spec.node_name))
    server.objects["/api/v1/pods/a"] = pod("a", "5", "n1")
    server.watches.put_nowait({"type": "MODIFIED", "object": pod("a", "20", "n2")})
    server.watches.put_nowait({"type": "DELETED", "object": pod("a", "21", "n2")})
    stop = asyncio.Event()
    task = asyncio.create_task(factory.run(stop))
    await factory.wait_for_sync()
    assert [each.key for each in informer.by_index("node", "")] == ["ns/a"]
    assert await asyncio.wait_for(gone.get(), 5) == ""
    stop.set()
    await task
