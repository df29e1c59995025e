"""Filling the caches and keeping them as new as the database."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher, NotFreshError
from kprov.kube.apiserver.cacher.entry import Entry, EntryDecoder
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.storage.interface import ChangeBatch
from kprov.kube.machinery.resources import Resource

WIDGETS = Resource("example.com", "v1", "Widget", "widgets", "widget", namespaced=True)


async def test_a_read_after_a_write_sees_it(config_maps: Store, context: RequestContext) -> None:
    for number in range(20):
        await config_maps.create(context, "default", {"metadata": {"name": f"c{number}"}})
        assert len(await config_maps.list(context)) == number + 1


async def test_a_revision_that_does_not_come_is_not_waited_for_forever(config_maps: Store) -> None:
    with pytest.raises(NotFreshError):
        await config_maps.cacher.wait_for(99, seconds=0.01)


async def test_keys_of_others_are_passed_over(config_maps: Store, storage: Any) -> None:
    await storage.create("compact_rev_key", b"7")
    await storage.create("/registry/unheard/of", b"{}")
    await storage.create("/registry/configmaps/default/broken", b"not json")
    assert await config_maps.catch_up() == storage.revision
    assert config_maps.cache.count() == 0


async def test_after_a_compaction_everything_is_read_again(
    config_maps: Store, context: RequestContext, storage: Any
) -> None:
    await config_maps.create(context, "default", {"metadata": {"name": "a"}})
    await config_maps.catch_up()
    storage.compacted = storage.revision + 5
    storage.revision += 9
    await storage.create("/registry/configmaps/default/b", b'{"metadata":{"name":"b","namespace":"default"}}')
    await config_maps.catch_up()
    assert [obj["metadata"]["name"] for obj in await config_maps.list(context)] == ["a", "b"]


async def test_a_wait_that_is_cancelled_as_its_revision_comes_ends(storage: Any) -> None:
    cacher = Cacher(storage, [])
    cacher.loaded.set()
    task = asyncio.create_task(cacher.wait_for(1, seconds=60))
    await asyncio.sleep(0)
    _, _, future = cacher._waiting[0]
    future.set_result(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def make_widgets() -> ResourceCache:
    """A cache of a resource that no server knows when it starts."""
    return ResourceCache(WIDGETS, folder="example.com/widgets")


def widget_key(name: str) -> str:
    return f"/registry/example.com/widgets/default/{name}"


def encode_widget(name: str) -> bytes:
    metadata = {"name": name, "namespace": "default"}
    return orjson.dumps({"kind": "Widget", "apiVersion": "example.com/v1", "metadata": metadata})


def list_names(cache: ResourceCache) -> list[str]:
    return [entry.name for entry in cache.select(Selection("default"))]


async def test_an_added_cache_has_what_was_there_and_what_came_while_it_was_read(
    config_maps: Store, storage: Any
) -> None:
    await storage.create(widget_key("old"), encode_widget("old"))
    revision = await storage.create(widget_key("gone"), encode_widget("gone"))
    await config_maps.catch_up()
    cacher, cache = config_maps.cacher, make_widgets()
    cacher.add(cache)
    await storage.create(widget_key("before"), encode_widget("before"))
    await storage.delete(widget_key("gone"), expected=revision)
    await config_maps.catch_up()
    assert not list_names(cache), "changes wait until the older objects are there"
    await cacher.fill(cache)
    assert list_names(cache) == ["before", "old"]
    await storage.create(widget_key("later"), encode_widget("later"))
    await config_maps.catch_up()
    assert list_names(cache) == ["before", "later", "old"]


async def test_changes_that_an_added_cache_has_read_already_are_not_applied_again(storage: Any) -> None:
    """The list can be newer than the watch, and watchers must not see again what the list has."""
    cacher, cache = Cacher(storage, []), make_widgets()
    cacher.add(cache)
    first = await storage.create(widget_key("a"), encode_widget("a"))
    await storage.delete(widget_key("a"), expected=first)
    await storage.create(widget_key("a"), encode_widget("a"))
    await cacher.fill(cache)
    events: list[str] = []
    cache.add_listener(lambda type_, _: events.append(type_))
    cacher._apply_batch(ChangeBatch(storage.changes, storage.revision))
    assert list_names(cache) == ["a"]
    assert not events


async def test_a_cache_with_many_objects_gives_way_while_it_is_filled(
    storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        await storage.create(widget_key(f"w{number}"), encode_widget(f"w{number}"))
    cacher, cache = Cacher(storage, []), make_widgets()
    cacher.add(cache)
    rounds, decoded = [0], Counter[int]()
    decode_entry = EntryDecoder.decode_entry

    def count(decoder: EntryDecoder, *stored: Any) -> Entry:
        decoded[rounds[0]] += 1
        return decode_entry(decoder, *stored)

    async def count_rounds() -> None:
        while True:
            await asyncio.sleep(0)
            rounds[0] += 1

    monkeypatch.setattr(EntryDecoder, "decode_entry", count)
    task = asyncio.create_task(count_rounds())
    await cacher.fill(cache)
    task.cancel()
    assert sum(decoded.values()) == len(list_names(cache)) == 200
    assert max(decoded.values()) <= 50


async def test_a_removed_cache_is_not_changed_any_more(config_maps: Store, storage: Any) -> None:
    cacher, cache = config_maps.cacher, make_widgets()
    cacher.add(cache)
    await cacher.fill(cache)
    await storage.create(widget_key("a"), encode_widget("a"))
    await config_maps.catch_up()
    cacher.remove(cache)
    await storage.create(widget_key("b"), encode_widget("b"))
    await config_maps.catch_up()
    assert list_names(cache) == ["a"]
    assert cache not in cacher.caches


async def test_a_cache_that_is_removed_while_it_is_read_stays_empty(config_maps: Store, storage: Any) -> None:
    await storage.create(widget_key("a"), encode_widget("a"))
    cacher, cache = config_maps.cacher, make_widgets()
    cacher.add(cache)
    cacher.remove(cache)
    await cacher.fill(cache)
    assert not list_names(cache)


async def test_a_cache_follows_until_its_successor_is_filled(config_maps: Store, storage: Any) -> None:
    cacher, before, after = config_maps.cacher, make_widgets(), make_widgets()
    cacher.add(before)
    assert await cacher.fill(before)
    cacher.add(after)
    await storage.create(widget_key("a"), encode_widget("a"))
    await config_maps.catch_up()
    assert (list_names(before), list_names(after)) == (["a"], [])
    assert await cacher.fill(after)
    cacher.remove(before)
    await storage.create(widget_key("b"), encode_widget("b"))
    await config_maps.catch_up()
    assert (list_names(before), list_names(after)) == (["a"], ["a", "b"])


async def test_a_cache_that_is_removed_first_leaves_its_place_to_the_successor(
    config_maps: Store, storage: Any
) -> None:
    cacher, before, after = config_maps.cacher, make_widgets(), make_widgets()
    cacher.add(before)
    await cacher.fill(before)
    cacher.add(after)
    cacher.remove(before)
    await storage.create(widget_key("a"), encode_widget("a"))
    assert await cacher.fill(after)
    assert list_names(after) == ["a"]
    assert not await cacher.fill(before)


async def test_caches_that_listeners_of_the_first_one_add_are_filled_with_the_others(storage: Any) -> None:
    await storage.create(widget_key("a"), encode_widget("a"))
    definitions = ResourceCache(Resource("apiextensions.k8s.io", "v1", "D", "ds", "d", namespaced=False))
    await storage.create(definitions.prefix + "widgets", b'{"metadata":{"name":"widgets"}}')
    cache = make_widgets()
    cacher = Cacher(storage, [definitions], first=definitions)
    definitions.add_listener(lambda _type, _obj: cacher.add(cache))
    task = asyncio.create_task(cacher.run())
    await cacher.loaded.wait()
    assert list_names(cache) == ["a"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
