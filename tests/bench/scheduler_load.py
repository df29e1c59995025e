"""Workloads for one scheduler: nodes without hosts, pods that exist before, and the pods that are measured.

`plain`, `spread` and `anti` are 1,000 pods on empty nodes. `preemption` and `affinity` follow PreemptionBasic
and SchedulingPodAffinity of upstream's scheduler_perf.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from tests.bench.apiserver_load import Load, each

CONNECTIONS: Final = 16
_NAMESPACES: Final = ("existing", "measured")
_PRIORITIES: Final = {"low": 1, "high": 10}
#: Seconds until all pods must be bound.
_LIMIT: Final = 600.0
_POLL: Final = 0.05
_ZONE: Final = "topology.kubernetes.io/zone"
_HOSTNAME: Final = "kubernetes.io/hostname"

Pod = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """`nodes` and `pods`: how many there are by default."""

    nodes: int
    pods: int
    #: A pod that is measured. Arguments: number of nodes, number of pods.
    build_pod: Callable[[int, int], Pod]
    #: Pods that are on the nodes before, and how many. Arguments: as of build_pod.
    build_existing: Callable[[int, int], Pod] | None = None
    count_existing: Callable[[int, int], int] = lambda _nodes, _pods: 0
    zones: int = 5
    node: dict[str, str] = field(default_factory=lambda: {"cpu": "16", "memory": "64Gi", "pods": "110"})


def build_pod(cpu: str, memory: str, labels: dict[str, str] | None = None, **spec: Any) -> Pod:
    requests = {"cpu": cpu, "memory": memory}
    container = {"name": "c", "image": "registry.example.org/pause:3", "resources": {"requests": requests}}
    # Without kubelets, a pod with a grace period is never gone.
    whole = {"terminationGracePeriodSeconds": 0, "containers": [container]} | spec
    return {"metadata": {"labels": labels or {}}, "spec": whole}


def _build_spread(*_: int) -> Pod:
    selector = {"matchLabels": {"app": "x"}}
    constraint = {
        "maxSkew": 1,
        "topologyKey": _ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector,
    }
    return build_pod("100m", "100Mi", {"app": "x"}, topologySpreadConstraints=[constraint])


def _build_anti(*_: int) -> Pod:
    term = {"topologyKey": _HOSTNAME, "labelSelector": {"matchLabels": {"app": "x"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return build_pod("100m", "100Mi", {"app": "x"}, affinity=affinity)


def _build_affinity(*_: int) -> Pod:
    term = {
        "topologyKey": _ZONE,
        "labelSelector": {"matchLabels": {"color": "blue"}},
        "namespaces": list(_NAMESPACES),
    }
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return build_pod("100m", "500Mi", {"color": "blue"}, affinity=affinity)


def _build_filling(priority: str) -> Callable[[int, int], Pod]:
    """Equal shares of the nodes' CPU: as many pods as there are fill all nodes, and one more fits nowhere."""

    def build(nodes: int, pods: int) -> Pod:
        share = 4000 // -(-pods // nodes)
        return build_pod(f"{share}m", "100Mi", priorityClassName=priority)

    return build


_SMALL: Final = {"cpu": "4", "memory": "32Gi", "pods": "110"}
WORKLOADS: Final = {
    "plain": Workload(1000, 1000, lambda *_: build_pod("100m", "100Mi", {"app": "x"})),
    "spread": Workload(1000, 1000, _build_spread),
    "anti": Workload(1000, 1000, _build_anti),
    # As many pods as those that preempt them fill the nodes.
    "preemption": Workload(
        125,
        500,
        _build_filling("high"),
        _build_filling("low"),
        lambda _nodes, pods: pods,
        node=_SMALL,
    ),
    # One on each node.
    "affinity": Workload(
        5000, 1000, _build_affinity, _build_affinity, lambda nodes, _pods: nodes, zones=1, node=_SMALL
    ),
}


class SchedulerLoad:
    """A workload on a server whose scheduler runs already."""

    def __init__(self, url: str, token: str, workload: Workload, nodes: int, pods: int) -> None:
        self._load = Load(url, token)
        self._url = url
        self._workload = workload
        self._nodes = nodes
        self._pods = pods

    async def run(self) -> float:
        """Seconds from the creation of the first pod until all pods are bound."""
        async with self._load.session() as session:
            await self._prepare(session)
            body = self._workload.build_pod(self._nodes, self._pods)
            bodies = [(_pods("measured"), _encode(body, f"p{number}")) for number in range(self._pods)]
            begin = time.perf_counter()
            await self._create(session, bodies)
            await self._wait_for_bindings(session, begin)
            return time.perf_counter() - begin

    async def _prepare(self, session: aiohttp.ClientSession) -> None:
        objects: list[tuple[str, bytes]] = [
            ("/api/v1/namespaces", _encode({}, name)) for name in (*_NAMESPACES, "warm")
        ]
        objects += [
            ("/apis/scheduling.k8s.io/v1/priorityclasses", _encode({"value": value}, name))
            for name, value in _PRIORITIES.items()
        ]
        await self._create(session, objects)
        await self._create(
            session, [("/api/v1/nodes", self._encode_node(number)) for number in range(self._nodes)]
        )
        if self._workload.build_existing is not None:
            await self._create(session, self._list_existing(self._workload.build_existing))
        await self._warm_up(session)

    def _list_existing(self, build: Callable[[int, int], Pod]) -> list[tuple[str, bytes]]:
        count = self._workload.count_existing(self._nodes, self._pods)
        body = build(self._nodes, count)
        bodies = []
        for number in range(count):
            body["spec"]["nodeName"] = f"n{number % self._nodes}"
            bodies.append((_pods("existing"), _encode(body, f"e{number}")))
        return bodies

    def _encode_node(self, number: int) -> bytes:
        name = f"n{number}"
        labels = {_HOSTNAME: name, _ZONE: f"z{number % self._workload.zones}"}
        amounts = self._workload.node
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        status = {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}
        return _encode({"metadata": {"labels": labels}, "status": status}, name)

    async def _warm_up(self, session: aiohttp.ClientSession) -> None:
        """A pod without requests. When it has a node, the scheduler knows all that was created before."""
        body = build_pod("0", "0")
        await self._create(session, [(_pods("warm"), _encode(body, "warm"))])
        path = f"{_pods('warm')}/warm"
        end = time.monotonic() + _LIMIT
        while True:
            async with session.get(self._url + path) as answer:
                if (await answer.json())["spec"].get("nodeName"):
                    break
            if time.monotonic() > end:
                raise SystemExit(f"{self._url}: the scheduler binds no pod")
            await asyncio.sleep(_POLL)
        async with session.delete(self._url + path) as answer:
            await answer.read()
        # Both sides have the same time to come to rest.
        await asyncio.sleep(2)

    async def _create(self, session: aiohttp.ClientSession, objects: Iterable[tuple[str, bytes]]) -> None:
        headers = {"Content-Type": "application/json"}

        async def create(item: tuple[str, bytes]) -> None:
            path, body = item
            async with session.post(self._url + path, data=body, headers=headers) as answer:
                if answer.status != 201:
                    raise SystemExit(f"{path}: {answer.status} {await answer.text()}")
                await answer.read()

        await each(CONNECTIONS, objects, create)

    async def _wait_for_bindings(self, session: aiohttp.ClientSession, begin: float) -> None:
        query = f"{_pods('measured')}?fieldSelector=spec.nodeName%3D&limit=1"
        while True:
            async with session.get(self._url + query) as answer:
                if not (await answer.json())["items"]:
                    return
            if time.perf_counter() - begin > _LIMIT:
                raise SystemExit(f"{self._url}: not all pods are bound after {_LIMIT:.0f} s")
            await asyncio.sleep(_POLL)


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _encode(body: dict[str, Any], name: str) -> bytes:
    """Before the measurement, so that the load costs little during it."""
    return json.dumps(body | {"metadata": body.get("metadata", {}) | {"name": name}}).encode()
