"""All events of a collection in the order of their resource versions, for checks of what ever happened."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.servers import ApiServer, Connection

#: Longer than the longest run of a test.
_TIMEOUT_SECONDS: Final = 6 * 3600.0


#: Keeps the part of an object that a test looks at, and its metadata.
Reduce = Callable[[JsonObject], JsonObject]


def keep_metadata(obj: JsonObject) -> JsonObject:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {"metadata": metadata}


class EventRecord:
    """Watches from the moment of its creation, without a gap: a watch that breaks fails the test."""

    def __init__(self, server: ApiServer, path: str, reduce: Reduce) -> None:
        self._reduce = reduce
        self._server = server
        self._path = path
        #: (type, object) of each event. The list grows at its end only.
        self.events: list[tuple[str, JsonObject]] = []
        listed = ok(server, "GET", path)
        self.initial: list[JsonObject] = [reduce(each) for each in listed["items"]]
        self._connection = Connection(server.port, server.context(), _TIMEOUT_SECONDS)
        self._connection.request(
            "GET",
            f"{path}?watch=1&resourceVersion={listed['metadata']['resourceVersion']}"
            f"&timeoutSeconds={int(_TIMEOUT_SECONDS)}",
            headers={"Authorization": "Bearer admin-token"},
        )
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        self._is_open = True
        self._thread = threading.Thread(target=self._read, name="event-record")
        self._thread.start()

    def fold(self) -> dict[str, JsonObject]:
        """The objects that exist after the last event, by UID."""
        objects = {obj["metadata"]["uid"]: obj for obj in self.initial}
        for kind, obj in self.events.copy():
            if kind == "DELETED":
                objects.pop(obj["metadata"]["uid"], None)
            else:
                objects[obj["metadata"]["uid"]] = obj
        return objects

    def catch_up(self, seconds: float = 60.0) -> None:
        """Return once the record shows the same objects as a list. Nothing may write meanwhile."""

        def is_current() -> bool:
            assert self._is_open, "the watch of the record has ended"
            listed = ok(self._server, "GET", self._path)["items"]
            return _get_versions(listed) == _get_versions(self.fold().values())

        eventually(is_current, seconds)

    def close(self) -> None:
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(2)
        self._thread.join(20)
        self._connection.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError, HTTPException, ValueError):
            for line in self._answer:
                event = json.loads(line)
                assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}, event
                self.events.append((event["type"], self._reduce(event["object"])))
        self._is_open = False


def _get_versions(objects: Iterable[JsonObject]) -> dict[str, str]:
    return {obj["metadata"]["uid"]: obj["metadata"]["resourceVersion"] for obj in objects}


@contextlib.contextmanager
def recording(server: ApiServer, path: str, reduce: Reduce = keep_metadata) -> Iterator[EventRecord]:
    """The events of a collection while the block runs. reduce: keeps what matters of each object."""
    record = EventRecord(server, path, reduce)
    try:
        yield record
    finally:
        record.close()
