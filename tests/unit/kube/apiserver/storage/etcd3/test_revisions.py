"""Many who ask for the newest revision at once share a question, but never one that was sent before they asked."""

from __future__ import annotations

import asyncio

import pytest

from kprov.kube.apiserver.storage.etcd3.revisions import Revisions
from kprov.kube.apiserver.storage.interface import UnavailableError


class Cluster:
    """Its revision goes on while questions are under way."""

    def __init__(self) -> None:
        self.revision = 0
        self.asked = 0
        self.begun = asyncio.Event()
        self.answers = asyncio.Event()
        self.broken = False

    async def ask(self) -> int:
        self.asked += 1
        self.begun.set()
        revision = self.revision
        await self.answers.wait()
        if self.broken:
            raise UnavailableError("no leader")
        return revision


async def test_who_asks_later_gets_a_later_answer() -> None:
    cluster = Cluster()
    revisions = Revisions(cluster.ask)
    early = [asyncio.create_task(revisions.read_newest()) for _ in range(3)]
    await cluster.begun.wait()
    cluster.revision = 7
    late = [asyncio.create_task(revisions.read_newest()) for _ in range(3)]
    cluster.answers.set()
    assert await asyncio.gather(*early) == [0, 0, 0]
    assert await asyncio.gather(*late) == [7, 7, 7]
    assert cluster.asked == 2
    assert await revisions.read_newest() == 7


async def test_who_goes_away_keeps_no_one_from_the_answer() -> None:
    cluster = Cluster()
    revisions = Revisions(cluster.ask)
    gone, stays = (asyncio.create_task(revisions.read_newest()) for _ in range(2))
    await cluster.begun.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    cluster.answers.set()
    assert await stays == 0


async def test_a_failure_reaches_all_waiting_requests_and_no_later_one() -> None:
    cluster = Cluster()
    cluster.broken = True
    revisions = Revisions(cluster.ask)
    asked = [asyncio.create_task(revisions.read_newest()) for _ in range(2)]
    await cluster.begun.wait()
    cluster.answers.set()
    for one in asked:
        with pytest.raises(UnavailableError):
            await one
    cluster.broken = False
    assert await revisions.read_newest() == 0
