"""No watch event is lost, doubled or out of order, whatever becomes of etcd, the ways to it and the servers."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Sequence

import pytest

from tests.apiserver.etcd import checker, faults
from tests.apiserver.etcd.cluster import Cluster, Front
from tests.apiserver.etcd.load import Client, Watcher, Writer

log = logging.getLogger(__name__)

#: How often each fault comes, and what orders them; more for a longer run.
ROUNDS = int(os.environ.get("KPROV_ETCD_ROUNDS", "1"))
SEED = int(os.environ.get("KPROV_ETCD_SEED", "1"))
_WRITERS = 4
_QUIET_SECONDS = 0.5
_CATCH_UP_SECONDS = 30.0


async def _run(cluster: Cluster, fronts: Sequence[Front], order: Sequence[faults.Fault]) -> list[Watcher]:
    choice = random.Random(SEED)
    clients = [Client(front.server, "log") for front in fronts]
    writers = [Writer(number, clients, random.Random(f"{SEED}-{number}")) for number in range(_WRITERS)]
    watchers = [
        watcher
        for number, client in enumerate(clients)
        for watcher in (
            Watcher(client, f"plain-{number}"),
            Watcher(client, f"bookmarks-{number}", "&allowWatchBookmarks=true"),
            Watcher(client, f"streams-{number}", streams=True),
        )
    ]
    watchers.append(Watcher(clients[0], "moves", "&allowWatchBookmarks=true", others=clients[1:]))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        following = [group.create_task(watcher.run()) for watcher in watchers]
        writing = [group.create_task(writer.run(stop)) for writer in writers]
        await asyncio.sleep(_QUIET_SECONDS)
        for fault in order:
            await fault(cluster, fronts, choice)
            await asyncio.sleep(_QUIET_SECONDS)
        stop.set()
        await asyncio.gather(*writing)
        for writer in writers:
            await writer.settle(clients[0])
        # One more, so that each watcher can show that it has seen all before it.
        status, made = await clients[0].ask(
            "POST", "", {"metadata": {"name": "end"}, "data": {"token": "end"}}
        )
        assert status == 201, made
        end = checker.Write(
            "create", "end", "end", done=True, revision=int(made["metadata"]["resourceVersion"])
        )
        async with asyncio.timeout(_CATCH_UP_SECONDS):
            for watcher in watchers:
                await watcher.reaches(end.revision)
        for task in following:
            task.cancel()
    last, _ = await clients[1].state()
    for client in clients:
        await client.session.close()
    writes = [*(write for writer in writers for write in writer.writes), end]
    for writer in writers:
        log.info("writer %d: %d writes, longest wait %.2f s %s", *writer.told)
    for watcher in watchers:
        log.info("%s: %s events, %d breaks", *watcher.told)
    assert len(writes) > 100
    assert checker.complaints(writes, [one.seen for one in watchers], last, end.revision) == []
    return watchers


@pytest.fixture(autouse=True)
def _namespace(fronts: list[Front]) -> None:
    fronts[0].server.post("/api/v1/namespaces", {"metadata": {"name": "log"}})


def test_every_watch_has_every_write_once(cluster: Cluster, fronts: list[Front]) -> None:
    """All faults one after the other, while four write and seven watch."""
    order = list(faults.ALL) * ROUNDS
    random.Random(SEED).shuffle(order)
    asyncio.run(_run(cluster, fronts, order))
