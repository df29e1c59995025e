"""Processes of an API server die: one of several, or all at once; the other servers and workers go on."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from kprov.kube.apiserver.bootstrap.kubernetes_service import LEASE_SECONDS
from tests.apiserver.conformance.calls import Watch, eventually, ok, watching
from tests.apiserver.etcd.cluster import Cluster, Front, front
from tests.apiserver.etcd.conftest import FLAGS
from tests.apiserver.servers import ApiServer

PLACE = "/api/v1/namespaces/default/configmaps"
#: Enough that each of two processes has one, but for one time in 500,000.
_WATCHES = 20
_ADDRESS = "192.0.2.3"
#: The others look each second; the rest is for a busy machine.
_SLACK_SECONDS = 15


@pytest.fixture
def several(cluster: Cluster, tmp_path: Path) -> Iterator[ApiServer]:
    """A server of two processes."""
    advertise = f"--advertise-address={_ADDRESS}"
    with front(cluster, tmp_path / "several", *FLAGS, advertise, workers=2) as made:
        yield made.server


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
    (worker,) = several.helpers()
    elsewhere = fronts[0].server
    eventually(lambda: _addresses(elsewhere) >= {_ADDRESS, "192.0.2.1"})
    version = ok(several, "GET", PLACE)["metadata"]["resourceVersion"]
    with contextlib.ExitStack() as stack:
        watches = [
            stack.enter_context(watching(server, PLACE, resourceVersion=version, timeoutSeconds=60))
            for server in (elsewhere, *[several] * _WATCHES)
        ]
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: several.helpers() not in ([worker], []) and _listening(several) == 2)
        assert several.post(PLACE, {"metadata": {"name": "after"}}).status == 201
        first, *alive = [_is_alive(watch, "after") for watch in watches]
    assert first
    assert 0 < alive.count(True) < _WATCHES
    assert {several.get(PLACE).status for _ in range(20)} == {200}
    assert _ADDRESS in _addresses(elsewhere)


def _in_slices(server: ApiServer) -> set[str]:
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    return {each for one in ok(server, "GET", path)["endpoints"] for each in one["addresses"]}


def test_a_dead_server_leaves_the_kubernetes_service_until_it_is_back(
    fronts: list[Front], several: ApiServer
) -> None:
    """Its lease in etcd ends; nobody takes it out, and the other server answers all the time."""
    elsewhere = fronts[0].server
    both = {_ADDRESS, "192.0.2.1"}
    eventually(lambda: _addresses(elsewhere) == both == _in_slices(elsewhere))
    eventually(lambda: _listening(several) == 2)
    helpers = several.helpers()
    several.kill()
    # Killed, it could not say farewell.
    assert _addresses(elsewhere) == both
    eventually(lambda: not any(Path(f"/proc/{number}/exe").exists() for number in helpers))
    written = itertools.count()

    def gone() -> bool:
        name = f"while-dead-{next(written)}"
        assert elsewhere.post(PLACE, {"metadata": {"name": name}}).status == 201
        seen = _addresses(elsewhere)
        assert "192.0.2.1" in seen
        return _ADDRESS not in seen

    eventually(gone, LEASE_SECONDS + _SLACK_SECONDS)
    eventually(lambda: _in_slices(elsewhere) == {"192.0.2.1"})
    several.start()
    eventually(lambda: _addresses(elsewhere) == both == _in_slices(elsewhere))
    assert several.get(f"{PLACE}/while-dead-0").status == 200
