"""What is done to an etcd, the ways to it and those who use it; each fault is over when its function returns."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tests.apiserver.etcd.cluster import MEMBERS, Cluster, Front

#: Seconds that a fault lasts.
_SECONDS: Final = 1.5

Fault = Callable[[Cluster, Sequence[Front], random.Random], Awaitable[None]]


async def leader_moves(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    del fronts, choice
    await asyncio.to_thread(cluster.move_leader)


async def member_dies(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    """The leader or one that follows is killed, and started over its data."""
    del fronts
    find = choice.choice((cluster.leader, cluster.follower))
    member = await asyncio.to_thread(find)
    member.signal(signal.SIGKILL)
    await asyncio.sleep(_SECONDS)
    member.start()
    await asyncio.to_thread(cluster.leader)


async def member_stands_still(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    """Its connections stay open, and it does not know that time passes."""
    del fronts
    member = await asyncio.to_thread(choice.choice((cluster.leader, cluster.follower)))
    member.signal(signal.SIGSTOP)
    await asyncio.sleep(_SECONDS)
    member.signal(signal.SIGCONT)


async def way_is_cut(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    """Between an API server and one or two members."""
    del cluster
    front = choice.choice(fronts)
    front.cut(*choice.sample(range(MEMBERS), choice.choice((1, 2))))
    await asyncio.sleep(_SECONDS)
    front.mend()


async def falls_behind(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    """An API server is cut off until what it has not seen yet is forgotten."""
    front = choice.choice(fronts)
    front.cut()
    await asyncio.sleep(_SECONDS)
    await cluster.forget()
    front.mend()


async def server_restarts(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    """An API server ends as it is asked to, and starts with an empty cache."""
    del cluster
    server = choice.choice(fronts).server
    await asyncio.to_thread(server.stop)
    server.begin()
    await asyncio.to_thread(server.wait)


async def server_dies(cluster: Cluster, fronts: Sequence[Front], choice: random.Random) -> None:
    """An API server is killed amid what it does, and started again after a while."""
    del cluster
    server = choice.choice(fronts).server
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(_SECONDS)
    server.begin()
    await asyncio.to_thread(server.wait)


ALL: Final[tuple[Fault, ...]] = (
    leader_moves,
    member_dies,
    member_stands_still,
    way_is_cut,
    falls_behind,
    server_restarts,
    server_dies,
)
