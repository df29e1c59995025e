"""Filling the caches and keeping them as new as the database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kprov.kube.apiserver.cacher.cacher import Cacher, NotFreshError
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.request import RequestContext


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
