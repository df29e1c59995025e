"""Calls that the entries are made of: what they give is checked where they are made."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPSConnection
from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.servers import ApiServer, Connection

MERGE = "application/merge-patch+json"
_SECONDS = 20


def ok(server: ApiServer, method: str, path: str, body: Any = None, **more: Any) -> JsonObject:
    """The answer's object; anything but 200 and 201 fails the test."""
    answer = server.ask(method, path, body, **more)
    assert answer.status in {200, 201}, (method, path, answer.body)
    found: JsonObject = answer.json
    return found


def merge(server: ApiServer, path: str, patch: JsonObject) -> JsonObject:
    return ok(server, "PATCH", path, patch, content_type=MERGE)


def settle(server: ApiServer, item: str) -> None:
    """What only a controller would finish: finalizers that hold a deleted object."""
    if server.get(item).status == 200:
        merge(server, item, {"metadata": {"finalizers": None}})


def eventually(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true value of look()."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
    return found


class Watch:
    """Events as they come: (type, object)."""

    def __init__(self, connection: HTTPSConnection, path: str, headers: Mapping[str, str]) -> None:
        connection.request("GET", path, headers=dict(headers))
        self._answer = connection.getresponse()
        assert self._answer.status == 200, self._answer.read()

    def next(self) -> tuple[str, JsonObject]:
        """The next event; the connection's timeout ends the wait."""
        line = self._answer.readline()
        assert line, "the watch has ended"
        event = json.loads(line)
        return event["type"], event["object"]

    def until(self, type_: str, name: str) -> JsonObject:
        """The object of the first event of that type and name."""
        while True:
            found, obj = self.next()
            if (found, obj["metadata"].get("name")) == (type_, name):
                return obj

    def rest(self) -> list[tuple[str, JsonObject]]:
        """All that comes until the server ends the watch."""
        events = [json.loads(line) for line in self._answer]
        return [(event["type"], event["object"]) for event in events]


@contextmanager
def watching(server: ApiServer, path: str, **query: str | int) -> Iterator[Watch]:
    """A watch of a collection."""
    text = "&".join(f"{name}={value}" for name, value in {"watch": "true", **query}.items())
    connection = Connection(server.port, server.context(), _SECONDS)
    try:
        yield Watch(connection, f"{path}?{text}", {"Authorization": "Bearer admin-token"})
    finally:
        connection.close()
