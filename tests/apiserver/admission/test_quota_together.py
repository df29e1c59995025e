"""Several API servers over one etcd, many writers at once: no quota is ever exceeded."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.apiserver.admission.conftest import Space, eventually, new_space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer, another, several
from tests.builders.pods import build_pod

SERVERS = 3


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ApiServer]]:
    with (
        several(tmp_path_factory.mktemp("several"), SERVERS) as (_, started),
        controllers(started[0], "resourcequota-controller", "serviceaccount-controller"),
    ):
        yield started


def same_space(servers: list[ApiServer]) -> list[Space]:
    """One namespace, seen through every server."""
    name = new_space(servers[0]).name
    return [Space(server, name) for server in servers]


def test_many_writers_create_as_many_objects_as_the_quota_lets(servers: list[ApiServer]) -> None:
    spaces = same_space(servers)
    spaces[0].quota("count", {"configmaps": "20"})
    spaces[0].quota("other", {"count/configmaps": "30"})

    def create(number: int) -> int:
        space = spaces[number % SERVERS]
        answer = space.create("configmaps", {"metadata": {"name": f"a{number}"}})
        assert answer.status in {201, 403}, answer.body
        return answer.status

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(create, range(60)))
    assert statuses.count(201) == 20
    assert spaces[0].used("count") == {"configmaps": "20"}
    listed = spaces[1].server.get(spaces[1].path("configmaps")).json["items"]
    assert len(listed) == 20


def test_pods_that_come_and_go_never_exceed(servers: list[ApiServer]) -> None:
    """Deletions give back through the controller while others charge."""
    spaces = same_space(servers)
    spaces[0].quota("q", {"pods": "6", "requests.cpu": "600m"})
    end = time.monotonic() + 6
    most = 0

    def work(number: int) -> int:
        space, made = spaces[number % SERVERS], 0
        while time.monotonic() < end:
            name = f"p{number}-{made}"
            answer = space.create("pods", build_pod(name, requests={"cpu": "100m"}))
            assert answer.status in {201, 403}, answer.body
            if answer.status == 201:
                made += 1
                space.delete("pods", name)
            else:
                time.sleep(0.05)
        return made

    with ThreadPoolExecutor(10) as pool:
        running = [pool.submit(work, number) for number in range(9)]
        while not all(each.done() for each in running):
            items = spaces[0].server.get(spaces[0].path("pods")).json["items"]
            most = max(most, len(items))
            time.sleep(0.02)
        made = sum(each.result() for each in running)
    assert most <= 6
    assert made > 6
    assert eventually(lambda: spaces[0].used("q") == {"pods": "0", "requests.cpu": "0"})


def test_a_killed_server_takes_no_quota_with_it(
    servers: list[ApiServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What it had charged and not made is given back by the controller."""
    spaces = same_space(servers)
    spaces[0].quota("q", {"services": "9", "configmaps": "12"})
    folder = tmp_path_factory.mktemp("killed") / "server"
    with another(folder, servers[0].etcd) as killed:
        targets = [*spaces, Space(killed, spaces[0].name)]
        created = itertools.count(1)

        def create(number: int) -> None:
            space = targets[number % len(targets)]
            obj = {"metadata": {"name": f"a{number}"}, "spec": {"ports": [{"port": 80}]}}
            with contextlib.suppress(OSError, http.client.HTTPException):
                for kind in ("services", "configmaps"):
                    answer = space.create(kind, obj if kind == "services" else {"metadata": obj["metadata"]})
                    assert answer.status in {201, 403}, answer.body
                    if next(created) == 8:
                        os.kill(killed.process, signal.SIGKILL)

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(create, range(60)))

    def counted(kind: str) -> int:
        return len(spaces[1].server.get(spaces[1].path(kind)).json["items"])

    assert counted("services") <= 9
    assert counted("configmaps") <= 12
    spaces[0].patch("resourcequotas", "q", {"spec": {"hard": {"secrets": "1"}}})
    assert eventually(
        lambda: (
            spaces[2].used("q")
            == {
                "services": str(counted("services")),
                "configmaps": str(counted("configmaps")),
                "secrets": "0",
            }
        )
    )
