"""Random pods that come and go, and nodes that change meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from kprov.kube.client import ApiError, RestClient, TransportError
from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.event_record import EventRecord

GPU: Final = "example.com/gpu"
PRIORITIES: Final = {"low": 0, "middle": 100, "high": 1000}
_NAMESPACE: Final = "default"
_PODS: Final = f"/api/v1/namespaces/{_NAMESPACE}/pods"
_NODES: Final = "/api/v1/nodes"
_SIZE: Final = {"cpu": "4", "memory": "8Gi", "pods": "16", GPU: "2"}
_SMALL_SIZE: Final = {"cpu": "2", "memory": "4Gi", "pods": "8", GPU: "1"}
_LARGE_SIZE: Final = {"cpu": "6", "memory": "12Gi", "pods": "24", GPU: "3"}
_MERGE: Final = {"Content-Type": "application/merge-patch+json"}
_LOOK_SECONDS: Final = 0.1
#: At the same time.
_REQUESTS: Final = 16
_NODE_SECONDS: Final = 0.5
#: So many pods may wait for a node.
_WAITING: Final = 150
_LIFE_SECONDS: Final = 4.0
_STOPPING_SECONDS: Final = 1.5


class Load:
    """Creates pods, ends those that have a node, and changes nodes, all at random."""

    def __init__(
        self,
        client: RestClient,
        pods: EventRecord,
        *,
        count: int,
        node_count: int,
        seed: int,
        schedulers: Sequence[str] = ("default-scheduler",),
    ) -> None:
        """schedulers: each pod names one of them."""
        self._client = client
        self._pods = pods
        self._random = random.Random(seed)
        self._count = count
        self._schedulers = schedulers
        self._nodes = [f"node-{number}" for number in range(node_count)]
        self._requests = asyncio.Semaphore(_REQUESTS)
        self._seen = 0
        self.created = 0
        #: By UID: pods without a node, and those whose end is under way.
        self._waiting: set[str] = set()
        self._ending: set[str] = set()
        self._existing: set[str] = set()
        self.finished = 0
        self.node_changes = 0

    async def run(self) -> None:
        """Return once all pods were created and are gone."""
        for name in self._nodes:
            await self._create_node(name)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            changing = tasks.create_task(self._change_nodes())
            creating = [tasks.create_task(self._create_pods()) for _ in range(4)]
            while self._existing or not all(task.done() for task in creating):
                self._look()
                await asyncio.sleep(_LOOK_SECONDS)
            changing.cancel()

    def _look(self) -> None:
        """React to the events since the last time."""
        events = self._pods.events[self._seen :]
        self._seen += len(events)
        for kind, pod in events:
            uid = pod["metadata"]["uid"]
            if kind == "DELETED":
                for uids in (self._existing, self._waiting, self._ending):
                    uids.discard(uid)
                continue
            self._existing.add(uid)
            if not pod["node"]:
                self._waiting.add(uid)
            else:
                self._waiting.discard(uid)
            if uid not in self._ending and (pod["node"] or pod["is_deleted"]):
                self._ending.add(uid)
                self._tasks.create_task(self._end_pod(pod))

    async def _create_pods(self) -> None:
        while self.created < self._count:
            if len(self._waiting) > _WAITING:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            number = self.created
            self.created += 1
            created = await self._request("POST", _PODS, self._build_pod(number))
            assert created
            # A few are deleted while the scheduler is about to bind them.
            if self._random.random() < 0.03:
                await self._request("DELETE", f"{_PODS}/pod-{number}", {"gracePeriodSeconds": 0})

    def _build_pod(self, number: int) -> JsonObject:
        choose = self._random
        spec: JsonObject = {
            "containers": [self._build_container("main", 1500, 3000)],
            "schedulerName": choose.choice(self._schedulers),
            "priorityClassName": choose.choices(list(PRIORITIES), [7, 2, 1])[0],
            "terminationGracePeriodSeconds": choose.choice([0, 0, 0, 30]),
            "tolerations": choose.choice([[], [{"operator": "Exists"}]]),
        }
        if choose.random() < 0.2:
            spec["containers"].append(self._build_container("second", 500, 1000))
        if choose.random() < 0.2:
            spec["initContainers"] = [self._build_container("init", 2000, 4000)]
        if choose.random() < 0.1:
            sidecar = self._build_container("sidecar", 300, 500) | {"restartPolicy": "Always"}
            spec.setdefault("initContainers", []).insert(0, sidecar)
        if choose.random() < 0.15:
            port = {"containerPort": 80, "hostPort": choose.randint(8000, 8003)}
            spec["containers"][0]["ports"] = [port]
        if choose.random() < 0.15:
            amounts = {GPU: "1"}
            spec["containers"][0]["resources"]["requests"] |= amounts
            spec["containers"][0]["resources"]["limits"] = amounts
        if choose.random() < 0.1:
            spec["topologySpreadConstraints"] = [
                {
                    "maxSkew": 3,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {},
                }
            ]
        return {"metadata": {"name": f"pod-{number}"}, "spec": spec}

    def _build_container(self, name: str, cpu: int, memory: int) -> JsonObject:
        """Requests up to these amounts, in milli CPU and MiB."""
        requests: JsonObject = {
            "cpu": f"{self._random.randint(50, cpu)}m",
            "memory": f"{self._random.randint(10, memory)}Mi",
        }
        if self._random.random() < 0.05:
            requests = {}
        return {"name": name, "image": "registry.k8s.io/pause:3.10", "resources": {"requests": requests}}

    async def _end_pod(self, pod: JsonObject) -> None:
        """Let a pod run for a while, then finish or delete it. A deleted one is removed as by its kubelet."""
        path = f"{_PODS}/{pod['metadata']['name']}"
        if not pod["is_deleted"]:
            await asyncio.sleep(self._random.uniform(0.2, _LIFE_SECONDS))
            if self._random.random() < 0.15:
                self.finished += 1
                await self._request("PATCH", f"{path}/status", {"status": {"phase": "Succeeded"}})
                await asyncio.sleep(self._random.uniform(0, _STOPPING_SECONDS))
            await self._request("DELETE", path, {})
        await asyncio.sleep(self._random.uniform(0, _STOPPING_SECONDS))
        await self._request("DELETE", path, {"gracePeriodSeconds": 0})

    async def _create_node(self, name: str) -> None:
        labels = {"kubernetes.io/hostname": name, "zone": f"zone-{int(name[5:]) % 3}"}
        await self._request("POST", _NODES, {"metadata": {"name": name, "labels": labels}})
        ready = {"type": "Ready", "status": "True"}
        size = {"capacity": _SIZE, "allocatable": _SIZE, "conditions": [ready]}
        await self._request("PATCH", f"{_NODES}/{name}/status", {"status": size})
        await self._request("PATCH", f"{_NODES}/{name}", {"spec": {"taints": None}})

    async def _change_nodes(self) -> None:
        changes: list[Callable[[str], Awaitable[Any]]] = [
            self._cordon,
            self._cordon,
            self._taint,
            self._taint,
            self._grow,
            self._shrink,
            self._replace_node,
        ]
        while True:
            await self._random.choice(changes)(self._random.choice(self._nodes))
            self.node_changes += 1
            await asyncio.sleep(_NODE_SECONDS)

    async def _cordon(self, name: str) -> None:
        await self._change_for_a_moment(name, {"unschedulable": True}, {"unschedulable": None})

    async def _taint(self, name: str) -> None:
        taint = {"key": "busy", "effect": "NoSchedule"}
        await self._change_for_a_moment(name, {"taints": [taint]}, {"taints": None})

    async def _change_for_a_moment(self, name: str, spec: JsonObject, after: JsonObject) -> None:
        await self._request("PATCH", f"{_NODES}/{name}", {"spec": spec})
        await asyncio.sleep(_NODE_SECONDS)
        await self._request("PATCH", f"{_NODES}/{name}", {"spec": after})

    async def _grow(self, name: str) -> None:
        await self._resize(name, _LARGE_SIZE)

    async def _shrink(self, name: str) -> None:
        """The pods of the node stay, however many there are."""
        await self._resize(name, _SMALL_SIZE)

    async def _resize(self, name: str, amounts: JsonObject) -> None:
        size = {"capacity": amounts, "allocatable": amounts}
        await self._request("PATCH", f"{_NODES}/{name}/status", {"status": size})

    async def _replace_node(self, name: str) -> None:
        """Delete a node with its pods, and create one of the first size and the same name."""
        await self._request("DELETE", f"{_NODES}/{name}", {})
        await asyncio.sleep(_NODE_SECONDS)
        answer = await self._client.resource("", "v1", "pods").list(
            _NAMESPACE, field_selector=f"spec.nodeName={name}"
        )
        for pod in answer.items or []:
            await self._request("DELETE", f"{_PODS}/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})
        await self._create_node(name)

    async def _request(self, method: str, path: str, body: JsonObject) -> bool:
        """False if the object is gone or has changed, which happens at any time."""
        headers = _MERGE if method == "PATCH" else None
        async with self._requests:
            while True:
                try:
                    await self._client.request(method, path, body=body, headers=headers)
                except TransportError:
                    # A slow machine: the next attempt finds what this one has done.
                    continue
                except ApiError as error:
                    if not (error.is_not_found or error.is_conflict or error.is_already_exists):
                        raise
                    return error.is_already_exists
                return True
