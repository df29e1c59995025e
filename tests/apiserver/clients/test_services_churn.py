"""Services that come and go through several API servers, one of which is killed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kprov.kube.apiserver import app, options
from kprov.kube.apiserver.registry.core.service import allocators
from kprov.kube.apiserver.registry.core.service.allocators.repair import Repair
from kprov.kube.apiserver.storage.etcd3.client import Client, TlsFiles
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from tests.apiserver.servers import ApiServer, Etcd, another
from tests.builders.services import build_service

WRITERS = 8
SECONDS = 5.0
#: Services that each writer leaves: all of them, and those under way, need fewer ports than there are.
KEPT = 3
RANGES = ("--service-cluster-ip-range=10.96.0.0/24", "--service-node-port-range=30000-30039")


class Holdings:
    """Which service was told which address or port, as its writer saw it; what two hold is a failure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[Any, str] = {}
        self.doubled: list[tuple[Any, str, str]] = []
        self.given: Counter[Any] = Counter()

    def take(self, name: str, service: dict[str, Any]) -> None:
        """Of a service that was made just now."""
        with self._lock:
            for what in held(service):
                self.given[what] += 1
                if what in self._holders:
                    self.doubled.append((what, self._holders[what], name))
                self._holders[what] = name

    def give_back(self, service: dict[str, Any]) -> None:
        """Before the service is asked to go."""
        with self._lock:
            for what in held(service):
                self._holders.pop(what, None)


def held(service: dict[str, Any]) -> list[Any]:
    spec = service["spec"]
    ports = [port["nodePort"] for port in spec.get("ports", []) if port.get("nodePort")]
    return [*(each for each in spec.get("clusterIPs", []) if each != "None"), *ports]


def churn(server: ApiServer, path: str, number: int, holdings: Holdings) -> None:
    """Make a service, change its type there and back, take it away, until time or the server is over."""
    end = time.monotonic() + SECONDS
    with contextlib.suppress(OSError, http.client.HTTPException):
        for turn in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count(1)):
            name = f"s{number}-{turn}"
            answer = server.post(path, build_service(name, type="NodePort"))
            if answer.status == 422:
                # A port that the killed server reserved stays so until the repair.
                assert "range is full" in answer.json["message"]
                continue
            assert answer.status == 201, answer.body
            made = answer.json
            holdings.take(name, made)
            if turn % 3 == 0:
                holdings.give_back(made)
                change(server, f"{path}/{name}", type="ExternalName", externalName="example.org")
                made = change(server, f"{path}/{name}", type="NodePort")
                holdings.take(name, made)
            if turn % 4 or turn > KEPT * 4:
                holdings.give_back(made)
                assert server.ask("DELETE", f"{path}/{name}").status == 200


def change(server: ApiServer, item: str, **spec: str) -> Any:
    answer = server.ask("PATCH", item, {"spec": spec}, content_type="application/merge-patch+json")
    assert answer.status == 200, answer.body
    return answer.json


async def repaired(etcd: Etcd, folder: Path) -> None:
    """What a server's repair loop does between its first look and its second, a minute later."""
    storage = Etcd3(Client([etcd.url], TlsFiles()))
    registry = app._build_registry(storage)
    reading = asyncio.create_task(registry.cacher.run())
    try:
        await registry.cacher.loaded.wait()
        parsed = options.parse([*RANGES, f"--etcd-servers={etcd.url}"])
        repair = Repair(registry, *allocators.build(parsed, registry))
        await repair.run_once()
        await repair.run_once()
    finally:
        reading.cancel()
        await storage.close()


def test_nothing_is_doubled_and_nothing_lost_though_a_server_dies(
    servers: list[ApiServer], etcd: Etcd, namespace: str, tmp_path: Path
) -> None:
    holdings = Holdings()
    path = f"/api/v1/namespaces/{namespace}/services"
    with another(tmp_path / "killed", etcd, *RANGES) as killed:
        targets = [*servers, killed]
        with ThreadPoolExecutor(WRITERS) as pool:
            calls = [
                pool.submit(churn, targets[each % len(targets)], path, each, holdings)
                for each in range(WRITERS)
            ]
            time.sleep(SECONDS / 2)
            os.kill(killed.process, signal.SIGKILL)
            for call in calls:
                call.result()
    assert holdings.doubled == []
    assert max(holdings.given.values()) > 1, "nothing was given again"
    services = servers[0].get("/api/v1/services").json["items"]
    twice = [
        what for what, count in Counter(each for one in services for each in held(one)).items() if count > 1
    ]
    assert twice == []
    asyncio.run(repaired(etcd, tmp_path))
    addresses = servers[1].get("/apis/networking.k8s.io/v1/ipaddresses").json["items"]
    wanted = {each for one in services for each in held(one)}
    assert {obj["metadata"]["name"] for obj in addresses} == {
        each for each in wanted if isinstance(each, str)
    }
    assert fill(servers, path) == 40 - sum(isinstance(each, int) for each in wanted)


def fill(servers: list[ApiServer], path: str) -> int:
    """Take all node ports that are left; their number."""
    count = 0
    while True:
        answer = servers[count % len(servers)].post(path, build_service(f"fill-{count}", type="NodePort"))
        if answer.status != 201:
            assert "range is full" in answer.json["message"]
            return count
        count += 1
