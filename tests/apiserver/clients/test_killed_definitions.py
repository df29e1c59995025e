"""Servers are killed at random steps in the life of a definition. All ends as declared.

`KPROV_TEST_SEED` sets the random steps.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.conformance.definitions import DEFINITIONS, Gadgets, version
from tests.apiserver.servers import ApiServer, Etcd

_SEED: Final = int(os.environ.get("KPROV_TEST_SEED", "1"))
_STEPS: Final = ("created", "established", "changed", "deleted")
#: A kill comes so many seconds after a step at most.
_KILL_SECONDS: Final = 0.3
_FINISH_SECONDS: Final = 120.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Etcd, list[ApiServer]]]:
    """Two servers over one etcd. They start at the same time."""
    folder = tmp_path_factory.mktemp("killed")
    with contextlib.ExitStack() as stack:
        etcd = Etcd(folder)
        stack.callback(etcd.stop)
        servers = []
        for number in range(2):
            own = folder / f"server{number}"
            own.mkdir()
            server = ApiServer(own, etcd, "--disable-admission-plugins=ServiceAccount")
            stack.callback(server.stop)
            server.begin()
            servers.append(server)
        for server in servers:
            server.wait()
        yield etcd, servers


class LateWriter(threading.Thread):
    """Creates objects all the time, whatever the servers answer."""

    def __init__(self, gadgets: Gadgets, server: ApiServer) -> None:
        super().__init__(name="late-writer")
        self._gadgets = gadgets
        self._server = server
        self._stopping = threading.Event()
        self.created = 0

    def run(self) -> None:
        number = 0
        while not self._stopping.wait(0.005):
            number += 1
            obj = self._gadgets.make(f"late-{number}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self._server.post(self._gadgets.path("default"), obj)
                self.created += answer.status == 201

    def stop(self) -> None:
        self._stopping.set()
        self.join()


class Life:
    """The life of one definition, in the course of which servers are killed after a step."""

    def __init__(self, etcd: Etcd, servers: list[ApiServer], step: str, generator: random.Random) -> None:
        self._etcd = etcd
        self._servers = servers
        self._step = step
        self._delay = generator.uniform(0, _KILL_SECONDS)
        victims = generator.randrange(1, len(servers) + 1)
        self._victims = generator.sample(servers, victims)
        self.gadgets = Gadgets(servers[0])

    def live(self, objects: int) -> None:
        """Create, change and delete the definition with so many objects, and create it again."""
        definition = self.gadgets.describe([version("v1")])
        self._do("POST", DEFINITIONS, definition, done={201, 409})
        self._end_step("created")
        self._wait_until_established()
        self._end_step("established")
        self._put_objects(objects)
        two = [version("v1", storage=False), version("v2")]
        self._do("PATCH", self.gadgets.item, {"spec": {"versions": two}}, done={200})
        self._end_step("changed")
        self._wait_for(lambda server: server.get(self.gadgets.path(version="v2")).status == 200)
        writer = LateWriter(self.gadgets, self._servers[0])
        writer.start()
        try:
            self._do("DELETE", self.gadgets.item, done={200, 404})
            self._end_step("deleted")
            self._wait_for(lambda server: server.get(self.gadgets.item).status == 404)
        finally:
            writer.stop()
        assert self._list_keys() == []
        self._do("POST", DEFINITIONS, definition, done={201, 409})
        self._wait_until_established()
        self._wait_for(self._is_empty)
        self._do("POST", self.gadgets.path("default"), self.gadgets.make("new"), done={201, 409})
        self._wait_for(lambda server: self._list_names(server) == ["new"])
        self._do("DELETE", self.gadgets.item, done={200, 404})
        self._wait_for(lambda server: server.get(self.gadgets.item).status == 404)
        assert self._list_keys() == []

    def _end_step(self, step: str) -> None:
        """Kill the victims after their step, and start them again."""
        if step != self._step:
            return
        time.sleep(self._delay)
        for server in self._victims:
            server.kill()
        for server in self._victims:
            server.begin()
        for server in self._victims:
            server.wait()

    def _do(self, method: str, path: str, body: Any = None, *, done: set[int]) -> None:
        """Send a request until it is done. A server may have done it before it was killed."""

        def is_done() -> bool:
            content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
            answer = self._servers[0].ask(method, path, body, content_type=content_type)
            return answer.status in done

        eventually(is_done)

    def _wait_for(self, look: Callable[[ApiServer], bool]) -> None:
        for server in self._servers:
            eventually(lambda server=server: look(server), _FINISH_SECONDS)  # type: ignore[misc]

    def _wait_until_established(self) -> None:
        eventually(lambda: self.gadgets.conditions().get("Established") == "True")
        self._wait_for(lambda server: server.get(self.gadgets.path()).status == 200)

    def _put_objects(self, count: int) -> None:
        """Write objects into etcd, because requests would take minutes."""
        values = {}
        for number in range(count):
            name = f"g{number}"
            metadata = {
                "name": name,
                "namespace": "default",
                "uid": str(uuid.uuid4()),
                "creationTimestamp": "2026-01-01T00:00:00Z",
            }
            obj = {"kind": "Gadget", "apiVersion": f"{self.gadgets.group}/v1", "metadata": metadata}
            values[f"{self._prefix}default/{name}"] = json.dumps(obj).encode()
        self._etcd.put_all(values)
        self._wait_for(lambda server: len(self._list_names(server)) == count)

    @property
    def _prefix(self) -> str:
        return f"/registry/{self.gadgets.group}/gadgets/"

    def _list_names(self, server: ApiServer) -> list[str]:
        answer = server.get(self.gadgets.path())
        if answer.status != 200:
            return ["?"]
        return [item["metadata"]["name"] for item in answer.json["items"]]

    def _is_empty(self, server: ApiServer) -> bool:
        """Whether there are no objects. An object of the old definition would stay."""
        names = self._list_names(server)
        assert names in ([], ["?"])
        return names == []

    def _list_keys(self) -> list[str]:
        return self._etcd.list_keys(self._prefix)


def test_a_definition_ends_as_declared_though_servers_are_killed(
    pair: tuple[Etcd, list[ApiServer]],
) -> None:
    generator = random.Random(_SEED)
    Life(*pair, "deleted", generator).live(100)


@pytest.mark.nightly
@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("attempt", range(3))
def test_ten_thousand_objects_end_as_declared_though_servers_are_killed(
    pair: tuple[Etcd, list[ApiServer]], step: str, attempt: int
) -> None:
    generator = random.Random(f"{_SEED} {step} {attempt}")
    Life(*pair, step, generator).live(10_000)
