"""A worker of an API server dies: watches of the others go on, another takes its place, its address stays."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.apiserver.conformance.calls import Watch, eventually, ok, watching
from tests.apiserver.etcd.cluster import Cluster, Front, front
from tests.apiserver.etcd.conftest import FLAGS
from tests.apiserver.servers import ApiServer

PLACE = "/api/v1/namespaces/default/configmaps"
#: Enough that each of two processes has one, but for one time in 4,000.
_WATCHES = 13
_ADDRESS = "192.0.2.3"


@pytest.fixture
def several(cluster: Cluster, tmp_path: Path) -> Iterator[ApiServer]:
    """A server of two processes."""
    advertise = f"--advertise-address={_ADDRESS}"
    with front(cluster, tmp_path / "several", *FLAGS, advertise, workers=2) as made:
        yield made.server


def _workers(server: ApiServer) -> list[int]:
    """Processes that the first one has begun."""
    children = Path(f"/proc/{server.process}/task/{server.process}/children")
    return [int(number) for number in children.read_text().split()]


def _listening(server: ApiServer) -> int:
    """How many sockets take connections to its port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return sum(f":{server.port:04X} 00000000:0000 0A" in line for line in lines)


def _is_alive(watch: Watch, name: str) -> bool:
    """Whether the next it gives is that object, and not its end."""
    with contextlib.suppress(OSError, HTTPException, AssertionError):
        kind, obj = watch.next()
        return (kind, obj["metadata"]["name"]) == ("ADDED", name)
    return False


def _addresses(server: ApiServer) -> set[str]:
    endpoints = ok(server, "GET", "/api/v1/namespaces/default/endpoints/kubernetes")
    return {each["ip"] for subset in endpoints["subsets"] for each in subset["addresses"]}


def test_a_dead_worker_takes_only_its_own_watches_with_it(fronts: list[Front], several: ApiServer) -> None:
    eventually(lambda: _listening(several) == 2)
    (worker,) = _workers(several)
    elsewhere = fronts[0].server
    eventually(lambda: _addresses(elsewhere) >= {_ADDRESS, "192.0.2.1"})
    version = ok(several, "GET", PLACE)["metadata"]["resourceVersion"]
    with contextlib.ExitStack() as stack:
        watches = [
            stack.enter_context(watching(server, PLACE, resourceVersion=version, timeoutSeconds=60))
            for server in (elsewhere, *[several] * _WATCHES)
        ]
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: _workers(several) not in ([worker], []) and _listening(several) == 2)
        assert several.post(PLACE, {"metadata": {"name": "after"}}).status == 201
        first, *alive = [_is_alive(watch, "after") for watch in watches]
    assert first
    assert 0 < alive.count(True) < _WATCHES
    assert {several.get(PLACE).status for _ in range(20)} == {200}
    assert _ADDRESS in _addresses(elsewhere)
