"""Those who write and those who watch while etcd fails; each keeps a log of what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import aiohttp

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.etcd.checker import Event, Seen, State, Stretch, Write
from tests.apiserver.servers import ApiServer

#: Seconds a client waits for an answer: longer than the server takes to give up.
_PATIENCE: Final = 30.0
_PAUSE: Final = 0.05
_GONE: Final = 410
_INITIAL: Final = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
_REFUSED: Final = {400, 404, 409, 422}


class Client:
    """One client of one API server."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server = server
        self.place = f"{server.url}/api/v1/namespaces/{namespace}/configmaps"
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=server.context(), limit=0),
            headers={"Authorization": "Bearer admin-token"},
            timeout=aiohttp.ClientTimeout(total=None, sock_read=_PATIENCE),
        )

    async def ask(
        self, method: str, path: str = "", body: JsonObject | None = None
    ) -> tuple[int, JsonObject]:
        """Status and object. aiohttp.ClientError, TimeoutError: no answer."""
        async with self.session.request(method, self.place + path, json=body) as answer:
            return answer.status, await answer.json()

    async def state(self) -> tuple[State, int]:
        """What stands there now, and the list's resourceVersion; asked until there is an answer."""
        while True:
            try:
                status, found = await self.ask("GET")
            except (aiohttp.ClientError, TimeoutError):
                status, found = 0, {}
            if status == 200:
                objects = found["items"]
                state = {obj["metadata"]["name"]: (_token(obj), _revision(obj)) for obj in objects}
                return state, _revision(found)
            await asyncio.sleep(_PAUSE)


def _token(obj: JsonObject) -> str:
    token: str = obj["data"]["token"]
    return token


def _revision(obj: JsonObject) -> int:
    return int(obj["metadata"]["resourceVersion"])


@dataclass
class Doubt:
    """A write without a clear answer."""

    operation: Literal["create", "update", "delete"]
    name: str
    token: str


@dataclass
class Writer:
    """Writes objects that no other writes. `clients`: whom it asks, one after the other."""

    number: int
    clients: Sequence[Client]
    choice: random.Random
    writes: list[Write] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    #: Seconds between two acknowledged writes, the longest.
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def told(self) -> tuple[int, int, float, list[str]]:
        return self.number, len(self.writes), self.longest, self.errors

    async def run(self, stop: asyncio.Event) -> None:
        objects: dict[str, JsonObject] = {}
        last = time.monotonic()
        for count in itertools.count():
            if stop.is_set():
                return
            client = self.clients[count % len(self.clients)]
            if await self._one(client, objects, f"{self.number}-{count}"):
                self.longest = max(self.longest, time.monotonic() - last)
                last = time.monotonic()
            else:
                await asyncio.sleep(_PAUSE)

    async def _one(self, client: Client, objects: dict[str, JsonObject], token: str) -> bool:
        """A write; whether it was acknowledged."""
        operation: Literal["create", "update", "delete"] = "create"
        if len(objects) > 3:
            operation = self.choice.choice(("create", "update", "update", "delete"))
        name = self.choice.choice(sorted(objects)) if operation != "create" else f"o{token}"
        obj = objects.get(name)
        try:
            if operation == "delete":
                assert obj is not None
                token = _token(obj)
                status, found = await client.ask("DELETE", f"/{name}")
            elif obj is None:
                body = {"metadata": {"name": name}, "data": {"token": token}}
                status, found = await client.ask("POST", "", body)
            else:
                body = {**obj, "data": {"token": token}}
                status, found = await client.ask("PUT", f"/{name}", body)
        except (aiohttp.ClientError, TimeoutError) as error:
            status, found = 0, {"message": repr(error)}
        if status in {200, 201}:
            revision = 0
            if operation == "delete":
                del objects[name]
            else:
                objects[name] = found
                revision = _revision(found)
            self.writes.append(Write(operation, name, token, done=True, revision=revision))
            return True
        self.errors.append(f"{operation}: {status} {found.get('reason')} {found.get('message')}")
        # None but this one writes the object: a refusal would say that an earlier write was lost.
        if status in _REFUSED:
            raise AssertionError(f"{operation} {name} {token}: {status} {found}")
        objects.pop(name, None)
        self.doubts.append(Doubt(operation, name, token))
        return False

    async def settle(self, client: Client) -> None:
        """Find out what became of the writes without an answer; nothing wrote these objects since."""
        state, _ = await client.state()
        for doubt in self.doubts:
            there = state.get(doubt.name)
            done = (
                there is None
                if doubt.operation == "delete"
                else there is not None and there[0] == doubt.token
            )
            self.writes.append(Write(doubt.operation, doubt.name, doubt.token, done=done))
        self.doubts.clear()


@dataclass
class Watcher:
    """Follows all objects through one server, as a reflector does; `query`: more of the watch's query.

    With `others` each broken watch goes on from its last version at the next server, as behind a load balancer.
    """

    client: Client
    name: str
    query: str = ""
    #: Begin with a watch that gives the state itself instead of a list.
    streams: bool = False
    others: Sequence[Client] = ()
    seen: Seen = field(init=False)
    progress: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: int = 0

    def __post_init__(self) -> None:
        self.seen = Seen(self.name)

    @property
    def told(self) -> tuple[str, list[int], int]:
        return self.name, [len(stretch.events) for stretch in self.seen.stretches], self.breaks

    async def reaches(self, revision: int) -> None:
        """Return once everything up to there is here."""
        while not self.seen.stretches or self.seen.stretches[-1].until < revision:
            self.progress.clear()
            await self.progress.wait()

    async def run(self) -> None:
        """Until cancelled."""
        stretch: Stretch | None = None
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                if stretch is None and not self.streams:
                    state, revision = await self.client.state()
                    stretch = self._begun(Stretch(revision, state, until=revision))
                stretch = await self._follow(stretch)
            self.breaks += 1
            if self.others:
                self.client, *self.others = *self.others, self.client
            await asyncio.sleep(_PAUSE)

    def _begun(self, stretch: Stretch) -> Stretch:
        self.seen.stretches.append(stretch)
        self.progress.set()
        return stretch

    async def _follow(self, stretch: Stretch | None) -> Stretch | None:
        """One watch to its end; None: it has to begin with a new list."""
        query = f"?watch=1{self.query}"
        query += _INITIAL if stretch is None else f"&resourceVersion={stretch.until}"
        initial: dict[str, tuple[str, int]] = {}
        async with self.client.session.get(self.client.place + query) as answer:
            if answer.status != 200:
                return None if answer.status == _GONE else stretch
            async for line in answer.content:
                event = json.loads(line)
                obj = event["object"]
                if event["type"] == "ERROR":
                    return None if obj["code"] == _GONE else stretch
                revision = _revision(obj)
                if stretch is None:
                    if event["type"] == "BOOKMARK":
                        stretch = self._begun(Stretch(revision, initial))
                    else:
                        initial[obj["metadata"]["name"]] = _token(obj), revision
                elif event["type"] != "BOOKMARK":
                    found = Event(event["type"], obj["metadata"]["name"], _token(obj), revision)
                    stretch.events.append(found)
                if stretch is not None:
                    stretch.until = max(stretch.until, revision)
                    self.progress.set()
        return stretch
