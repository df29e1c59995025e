"""What the storage makes of an etcd that does not answer, answers twice or is silent."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.apiserver.storage.etcd3.client import Again, Client
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from kprov.kube.apiserver.storage.interface import (
    Guard,
    GuardError,
    KeyChangedError,
    KeyExistsError,
    NotEmptyError,
)
from tests.apiserver.etcd.cluster import Cluster

_NUMBERS = itertools.count()
#: About four are meant, the rest is for a machine with much to do.
_FAILOVER_SECONDS = 20.0


class Deaf(Client):
    """A client that does not hear the first answer to a write; `meanwhile` happens before it asks again."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def call(self, method: str, request: Any, **more: Any) -> tuple[Any, bool]:
        if method != "txn" or self.meanwhile is None:
            return await super().call(method, request, **more)
        before = self.revision
        await super().call(method, request, **more)
        await self.meanwhile()
        self.revision = before
        answer, _ = await super().call(method, request, **more)
        return answer, True


class Slow(Client):
    """A client whose first creation is kept on its way, and sent again."""

    kept: Any = None

    async def call(
        self, method: str, request: Any, *, seconds: float = 7.0, again: Again | None = None
    ) -> tuple[Any, bool]:
        if again is None or self.kept is not None:
            return await super().call(method, request, seconds=seconds, again=again)
        self.kept = request
        answer, _ = await super().call(method, await again(seconds), seconds=seconds)
        return answer, True

    async def arrive(self) -> bool:
        """The first try arrives; whether it does anything."""
        answer, _ = await super().call("txn", self.kept)
        return bool(answer.succeeded)


@pytest.fixture
def key() -> str:
    return f"/registry/test/k{next(_NUMBERS)}"


@pytest.fixture
async def other(cluster: Cluster) -> AsyncIterator[Etcd3]:
    """Another API server's storage."""
    storage = Etcd3(Client([member.url for member in cluster.members], cluster.tls))
    yield storage
    await storage.close()


@pytest.fixture
async def deaf(cluster: Cluster) -> AsyncIterator[Deaf]:
    client = Deaf([member.url for member in cluster.members], cluster.tls)
    await Etcd3(client).current_revision()
    yield client
    await client.close()


async def _nothing() -> None:
    pass


async def _changes(storage: Etcd3, key: str, after: int, count: int) -> list[int]:
    """At which revisions a key changed, the first ones after one. Others write to the cluster all the time."""
    seen: list[int] = []
    async for batch in storage.watch(key, after=after):
        seen += [change.revision for change in batch.changes]
        if len(seen) >= count:
            break
    return seen


async def test_a_write_whose_answer_was_lost_is_found_done(deaf: Deaf, other: Etcd3, key: str) -> None:
    """Its revision is the one at which it happened."""
    deaf.meanwhile = _nothing
    storage = Etcd3(deaf)
    made = await storage.create(key, b"1")
    found = await other.get(key)
    assert found is not None
    assert found.revision == made
    changed = await storage.update(key, b"2", expected=made)
    gone = await storage.delete(key, expected=changed)
    assert await _changes(other, key, made, 2) == [changed, gone]


async def test_a_creation_is_found_done_when_another_has_changed_it_since(
    deaf: Deaf, other: Etcd3, key: str
) -> None:
    """AlreadyExists would be wrong: it was this one that made it."""

    async def change() -> None:
        found = await other.get(key)
        assert found is not None
        await other.update(key, b"another's", expected=found.revision)

    deaf.meanwhile = change
    made = await Etcd3(deaf).create(key, b"mine")
    found = await other.get(key)
    assert found is not None
    assert found.value == b"another's"
    assert await _changes(other, key, made - 1, 2) == [made, found.revision]


async def test_a_change_is_found_done_when_another_has_followed(deaf: Deaf, other: Etcd3, key: str) -> None:
    """A conflict would have the change made twice."""
    made = await other.create(key, b"1")

    async def change() -> None:
        found = await other.get(key)
        assert found is not None
        await other.update(key, b"3", expected=found.revision)

    deaf.meanwhile = change
    updated = await Etcd3(deaf).update(key, b"2", expected=made)
    assert (await _changes(other, key, made, 2))[0] == updated


async def test_what_another_did_is_not_taken_for_ones_own(deaf: Deaf, other: Etcd3, key: str) -> None:
    """The key was changed or made before the write was sent."""
    made = await other.create(key, b"1")
    await other.update(key, b"2", expected=made)
    await Etcd3(deaf).current_revision()
    deaf.meanwhile = _nothing
    with pytest.raises(KeyChangedError) as raised:
        await Etcd3(deaf).update(key, b"2", expected=made)
    assert raised.value.current is not None
    with pytest.raises(KeyExistsError):
        await Etcd3(deaf).create(key, b"2")
    with pytest.raises(KeyChangedError):
        await Etcd3(deaf).delete(key, expected=made)


async def test_a_creation_that_was_sent_again_does_not_happen_late(
    cluster: Cluster, other: Etcd3, key: str
) -> None:
    """A member that stood still passes the first try on when the object has been deleted."""
    client = Slow([member.url for member in cluster.members], cluster.tls)
    storage = Etcd3(client)
    made = await storage.create(key, b"1")
    await other.delete(key, expected=made)
    assert await client.arrive() is False
    assert await other.get(key) is None
    again = await storage.create(key, b"1")
    found = await other.get(key)
    assert found is not None
    assert found.revision == again > made
    await client.close()


async def test_a_large_past_comes_in_whole_batches(other: Etcd3, key: str) -> None:
    """etcd sends it in parts."""
    start = await other.current_revision()
    for number in range(40):
        await other.create(f"{key}/{number}", b"x" * 100_000)
    seen: list[int] = []
    async for batch in other.watch(key, after=start):
        seen += [change.revision for change in batch.changes]
        assert not seen or batch.revision >= seen[-1]
        if len(seen) >= 40:
            break
    assert len(seen) == 40
    assert seen == sorted(set(seen))


async def test_a_watch_leaves_a_member_that_stands_still_though_no_one_asks(
    cluster: Cluster, other: Etcd3, key: str
) -> None:
    """The watch itself finds out that it hears nothing."""
    member = cluster.follower()
    urls = [member.url, *(one.url for one in cluster.members if one is not member)]
    storage = Etcd3(Client(urls, cluster.tls))
    seen: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def follow(after: int) -> None:
        async for batch in storage.watch(key, after=after):
            for change in batch.changes:
                seen.put_nowait(change.value)

    following = asyncio.create_task(follow(await other.current_revision()))
    await other.create(key, b"1")
    assert await asyncio.wait_for(seen.get(), 10) == b"1"
    member.signal(signal.SIGSTOP)
    try:
        await other.create(f"{key}/2", b"2")
        assert await asyncio.wait_for(seen.get(), _FAILOVER_SECONDS) == b"2"
    finally:
        member.signal(signal.SIGCONT)
        following.cancel()
        await storage.close()


async def test_nothing_is_created_under_a_guard_that_is_gone_or_another(other: Etcd3, key: str) -> None:
    revision = await other.create(key, b"1")
    guard = Guard(key, revision)
    changed = await other.update(key, b"2", expected=revision)
    made = await other.create(f"{key}/a", b"1", guard=guard)
    with pytest.raises(NotEmptyError):
        await other.delete(key, expected=changed, empty=f"{key}/")
    with pytest.raises(KeyChangedError):
        await other.delete(key, expected=revision, empty=f"{key}/")
    await other.delete(f"{key}/a", expected=made)
    await other.delete(key, expected=changed, empty=f"{key}/")
    with pytest.raises(GuardError):
        await other.create(f"{key}/b", b"1", guard=guard)
    created = await other.create(key, b"3")
    with pytest.raises(GuardError):
        await other.create(f"{key}/b", b"1", guard=guard)
    found = await other.get(key)
    assert found is not None
    assert found.created == created
    await other.create(f"{key}/b", b"1", guard=Guard(key, created))
