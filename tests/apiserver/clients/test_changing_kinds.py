"""Definitions change at random under readers, writers and watchers of three servers."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import Any

import pytest

from tests.apiserver.conformance.calls import MERGE, eventually, ok, watching
from tests.apiserver.conformance.definitions import Gadgets, version
from tests.apiserver.servers import ApiServer

_SECONDS = 6.0
_WRITERS = 3
#: A kind whose cache was exchanged during the request: clients try again.
_AGAIN = 429


def make_properties(generator: random.Random) -> dict[str, Any]:
    """Properties that all accept the objects of the test."""
    more = {f"p{index}": {"type": "string"} for index in range(generator.randrange(5))}
    return {"count": {"type": "integer"}} | more


class Writer(threading.Thread):
    """Creates, changes and deletes objects of its own, and reads each at another server at once."""

    def __init__(
        self, servers: list[ApiServer], gadgets: Gadgets, namespace: str, number: int, stop: threading.Event
    ) -> None:
        super().__init__(name=f"writer-{number}")
        self._servers = servers
        self._gadgets = gadgets
        self._namespace = namespace
        self._random = random.Random(number)
        self._number = number
        self._stopping = stop
        #: The counts of the objects that exist.
        self.counts: dict[str, int] = {}
        self.failures: list[str] = []
        self.writes = 0

    def run(self) -> None:
        try:
            while not self._stopping.is_set() and not self.failures:
                self._write()
        except Exception as error:
            self.failures.append(repr(error))

    def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        while True:
            answer = self._random.choice(self._servers).ask(method, path, body, **more)
            if answer.status != _AGAIN:
                return answer
            time.sleep(0.05)

    def _write(self) -> None:
        name = f"w{self._number}-{self._random.randrange(6)}"
        collection = self._gadgets.path(self._namespace)
        item = f"{collection}/{name}"
        if name not in self.counts:
            answer = self._ask("POST", collection, self._gadgets.make(name, count=1))
            self._expect(answer, 201, "create", name)
            self.counts[name] = 1
        elif self._random.random() < 0.3:
            self._expect(self._ask("DELETE", item), 200, "delete", name)
            del self.counts[name]
        else:
            count = self.counts[name] + 1
            answer = self._ask("PATCH", item, {"count": count}, content_type=MERGE)
            self._expect(answer, 200, "patch", name)
            self.counts[name] = count
        self.writes += 1
        answer = self._ask("GET", item)
        self._expect(answer, 200 if name in self.counts else 404, "get", name)
        if name in self.counts and answer.json["count"] != self.counts[name]:
            self.failures.append(f"{name}: read {answer.json['count']}, wrote {self.counts[name]}")

    def _expect(self, answer: Any, code: int, verb: str, name: str) -> None:
        if answer.status != code:
            self.failures.append(f"{verb} {name}: {answer.status} {answer.body!r}")


def watch_until(
    server: ApiServer, gadgets: Gadgets, namespace: str, stop: threading.Event, seen: dict[str, int]
) -> None:
    """List and watch as a reflector does, and keep the counts of the objects in `seen`."""
    path = gadgets.path(namespace)
    while not stop.is_set():
        listed = server.get(path)
        if listed.status != 200:
            time.sleep(0.05)
            continue
        seen.clear()
        seen.update({item["metadata"]["name"]: item["count"] for item in listed.json["items"]})
        revision = listed.json["metadata"]["resourceVersion"]
        with watching(server, path, resourceVersion=revision, timeoutSeconds=2) as watch:
            for type_, obj in watch.rest():
                if type_ == "ERROR":
                    break
                if type_ == "DELETED":
                    seen.pop(obj["metadata"]["name"], None)
                else:
                    seen[obj["metadata"]["name"]] = obj["count"]


def _are_equal(one: dict[str, int], other: dict[str, int]) -> bool:
    return one == other


def _is_gone(server: ApiServer, path: str) -> bool:
    return server.get(path).status == 404


@pytest.mark.parametrize("seed", range(2))
def test_changing_kinds(servers: list[ApiServer], namespace: str, seed: int) -> None:
    generator = random.Random(seed)
    gadgets = Gadgets(servers[0], group=f"changing{seed}.example.com")
    for _ in range(2):
        gadgets.server = generator.choice(servers)
        gadgets.define(
            [
                version("v1", make_properties(generator)),
                version("v2", make_properties(generator), storage=False),
            ]
        )
        assert ok(generator.choice(servers), "GET", gadgets.path(namespace))["items"] == []
        stop, seen = threading.Event(), dict[str, int]()
        writers = [Writer(servers, gadgets, namespace, number, stop) for number in range(_WRITERS)]
        watcher = threading.Thread(
            target=watch_until, args=(generator.choice(servers), gadgets, namespace, stop, seen)
        )
        for thread in (*writers, watcher):
            thread.start()
        end = time.monotonic() + _SECONDS
        try:
            while time.monotonic() < end:
                properties, stored = make_properties(generator), generator.choice(("v1", "v2"))
                versions = [version(name, properties, storage=name == stored) for name in ("v1", "v2")]
                ok(
                    generator.choice(servers),
                    "PATCH",
                    gadgets.item,
                    {"spec": {"versions": versions}},
                    content_type=MERGE,
                )
                time.sleep(generator.random())
        finally:
            stop.set()
            for thread in (*writers, watcher):
                thread.join()
        failures = [failure for writer in writers for failure in writer.failures]
        assert not failures, "\n".join(failures)
        assert all(writer.writes for writer in writers)
        expected = {name: count for writer in writers for name, count in writer.counts.items()}
        for server in servers:
            items = ok(server, "GET", gadgets.path(namespace))["items"]
            assert {item["metadata"]["name"]: item["count"] for item in items} == expected
        again = threading.Event()
        last = threading.Thread(
            target=watch_until, args=(generator.choice(servers), gadgets, namespace, again, seen)
        )
        last.start()
        eventually(partial(_are_equal, seen, expected))
        again.set()
        last.join()
        gadgets.remove()
        for server in servers:
            eventually(partial(_is_gone, server, gadgets.path(namespace)))


def _ask_until(server: ApiServer, path: str, stop: threading.Event) -> None:
    while not stop.is_set():
        server.get(path)


def test_a_kind_is_served_everywhere_though_clients_have_asked_for_it_before(
    servers: list[ApiServer], namespace: str
) -> None:
    """Established at one server, an object is written at another at once."""
    properties = {f"p{number}": {"type": "string"} for number in range(2000)}
    for number in range(6):
        gadgets = Gadgets(servers[0], group=f"asked{number}.example.com")
        path, stop = gadgets.path(namespace), threading.Event()
        clients = [threading.Thread(target=_ask_until, args=(server, path, stop)) for server in servers[1:]]
        for client in clients:
            client.start()
        try:
            gadgets.define([version("v1", properties)])
            made = [server.post(path, gadgets.make(f"o{server.port}")) for server in servers[1:]]
        finally:
            stop.set()
            for client in clients:
                client.join()
        assert [answer.status for answer in made] == [201, 201], [answer.body for answer in made]
        gadgets.remove()
