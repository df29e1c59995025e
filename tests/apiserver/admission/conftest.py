"""One etcd and one API server for a file of tests; each test has a namespace of its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.controllers import controllers
from tests.apiserver.servers import Answer, ApiServer, running

_NUMBERS = itertools.count(1)
T = Any


class Space:
    """A namespace, and requests to what is in it."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.server, self.name = server, name

    def path(self, kind: str, name: str = "") -> str:
        """Of a kind as "pods", "apps/v1/deployments"."""
        group, _, plural = kind.rpartition("/")
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{self.name}/{plural}" + (f"/{name}" if name else "")

    def create(self, kind: str, obj: dict[str, Any], *, query: str = "", **more: Any) -> Answer:
        return self.server.post(self.path(kind) + query, obj, **more)

    def made(self, kind: str, obj: dict[str, Any], **more: Any) -> Any:
        answer = self.create(kind, obj, **more)
        assert answer.status == 201, answer.body
        return answer.json

    def get(self, kind: str, name: str) -> Any:
        return self.server.get(self.path(kind, name)).json

    def patch(self, kind: str, name: str, change: Any, subresource: str = "") -> Answer:
        path = self.path(kind, name) + (f"/{subresource}" if subresource else "")
        return self.server.ask("PATCH", path, change, content_type="application/merge-patch+json")

    def delete(self, kind: str, name: str, query: str = "?gracePeriodSeconds=0") -> Answer:
        return self.server.ask("DELETE", self.path(kind, name) + query)

    def quota(self, name: str, hard: dict[str, str], **spec: Any) -> None:
        """A quota that counts already."""
        self.made("resourcequotas", {"metadata": {"name": name}, "spec": {"hard": hard} | spec})
        eventually(lambda: self.get("resourcequotas", name).get("status", {}).get("hard") == hard)

    def used(self, name: str) -> dict[str, str]:
        return dict(self.get("resourcequotas", name)["status"].get("used") or {})


def eventually(look: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true value of look()."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    names = ("resourcequota-controller", "serviceaccount-controller")
    with running(folder) as (_, started), controllers(started, *names):
        yield started


@pytest.fixture
def space(server: ApiServer) -> Space:
    return new_space(server)


def new_space(server: ApiServer, **labels: str) -> Space:
    """A new namespace with its default service account."""
    name = f"space-{next(_NUMBERS)}"
    metadata = {"name": name, "labels": labels}
    answer = server.post("/api/v1/namespaces", {"metadata": metadata})
    assert answer.status == 201, answer.body
    made = Space(server, name)
    eventually(lambda: server.get(made.path("serviceaccounts", "default")).status == 200)
    return made
