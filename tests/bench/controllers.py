"""The controller manager's memory and work, against another kube-controller-manager where there is one.

Both run against our API server, each with an etcd of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvloop

from kprov.kube.client import ApiError, RestClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer, running
from tests.bench.apiserver_load import each
from tests.bench.comparison import compare
from tests.bench.controller_state import NAMESPACE, fill, make_pod_spec, pod_name, wait_for_slices
from tests.bench.manager_process import Manager, manager
from tests.bench.ready_kubelet import FINISHES, ReadyKubelet

#: Another controller manager's program, such as upstream's, measured in the same run.
OTHER: Final = "KPROV_BENCH_CONTROLLER_MANAGER"
#: A part of all sizes, for a short try.
SCALE: Final = float(os.environ.get("KPROV_BENCH_SCALE", "1"))
# The accounts of a namespace come from a controller that does not run yet.
_FLAGS: Final = ("--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount")
_PODS: Final = 10_000
_WORK: Final = 1_000
_OBJECTS: Final = 5_000
_CURVE: Final = (1_000, 10_000, 50_000)
_CHANGES: Final = 200
# Slow enough that each change is worked off before the next comes.
_CHANGES_A_SECOND: Final = 20
_CONNECTIONS: Final = 16
_LONGEST_SECONDS: Final = 900
_WANTED: Final = {
    "memory, MiB": "<= 0.5",
    "a deployment created, s": "<= 1.0",
    "a deployment rolled, s": "<= 1.0",
    "a deployment deleted, s": "<= 1.0",
    "jobs completed, s": "<= 1.0",
    "a namespace deleted, s": "<= 1.0",
}


def figures() -> None:
    """Memory with 10,000 pods, then a deployment, jobs and a namespace, then the cost of a change."""
    for measure, digits in ((_memory, 1), (_workloads, 1), (_curve, 2)):
        compare(measure, os.environ.get(OTHER), _WANTED, digits=digits)


def memory() -> None:
    """Memory with 10,000 pods only."""
    compare(_memory, os.environ.get(OTHER), _WANTED, digits=1)


def workloads() -> None:
    """The time for a deployment, jobs and a namespace only."""
    compare(_workloads, os.environ.get(OTHER), _WANTED, digits=1)


def curve() -> None:
    """The cost of a change with few and many objects only."""
    compare(_curve, os.environ.get(OTHER), _WANTED, digits=2)


@contextmanager
def _server() -> Iterator[ApiServer]:
    with tempfile.TemporaryDirectory() as name, running(Path(name), *_FLAGS) as (_, server):
        yield server


def _scaled(count: int) -> int:
    """At least one set of pods."""
    return max(int(count * SCALE) // 100 * 100, 100)


def _memory(program: str | None) -> dict[str, float]:
    with _server() as server:
        fill(server, _scaled(_PODS))
        with manager(server, program) as process:
            wait_for_slices(server, _scaled(_PODS))
            cpu = process.settle()
            return {
                f"CPU until settled with {_scaled(_PODS)} pods, s": cpu,
                "memory, MiB": process.memory_mib(),
                "memory at its peak, MiB": process.memory_mib("VmHWM"),
            }


def _curve(program: str | None) -> dict[str, float]:
    """Milliseconds of CPU for a pod that becomes unready or ready again."""
    found = {}
    for count in _CURVE:
        pods = _scaled(count)
        with _server() as server:
            fill(server, pods)
            with manager(server, program) as process:
                wait_for_slices(server, pods)
                process.settle()
                cpu = uvloop.run(_change_pods(server, process))
                found[f"CPU for a change with {pods} pods, ms"] = (
                    cpu / (2 * min(_CHANGES // 2, _scaled(_CURVE[0]))) * 1e3
                )
    return found


async def _change_pods(server: ApiServer, process: Manager) -> float:
    """CPU seconds for changes of random pods at a fixed rate.

    They are pods of the first deployments, so that with more objects no fewer changes fall together.
    """
    some = _scaled(_CURVE[0])
    chosen = random.Random(1).sample(range(some), min(_CHANGES // 2, some))
    async with _client(server) as client:
        pods = client.resource("", "v1", "pods", dict)
        begin, cpu, number = time.monotonic(), process.cpu, 0
        for is_ready in ("False", "True"):
            for index in chosen:
                status = {"conditions": [{"type": "Ready", "status": is_ready}]}
                await pods.patch(
                    pod_name(index),
                    {"status": status},
                    namespace=NAMESPACE,
                    subresource="status",
                    patch_type=STRATEGIC_MERGE_PATCH,
                )
                number += 1
                await asyncio.sleep(begin + number / _CHANGES_A_SECOND - time.monotonic())
        await asyncio.sleep(3)
        return process.cpu - cpu


def _workloads(program: str | None) -> dict[str, float]:
    with _server() as server, manager(server, program) as process:
        process.settle()
        found: dict[str, float] = uvloop.run(_run_workloads(server, process))
        return found


async def _run_workloads(server: ApiServer, process: Manager) -> dict[str, float]:
    found: dict[str, float] = {}

    async def measure(name: str, work: Callable[[], Awaitable[None]]) -> None:
        begin, cpu = time.perf_counter(), process.cpu
        async with asyncio.timeout(_LONGEST_SECONDS):
            await work()
        found[f"{name}, s"] = time.perf_counter() - begin
        found[f"  its CPU ({name}), s"] = process.cpu - cpu
        await asyncio.sleep(3)

    async with _client(server) as client:
        namespaces = client.resource("", "v1", "namespaces", dict)
        await namespaces.create({"metadata": {"name": NAMESPACE}})
        kubelet = ReadyKubelet(client, NAMESPACE)
        task = asyncio.create_task(kubelet.run())
        await kubelet.pods.wait_for_sync()
        deployment = _Deployment(client, kubelet)
        await measure("a deployment created", deployment.create)
        await measure("a deployment rolled", deployment.roll)
        await measure("a deployment deleted", deployment.delete)
        await measure("jobs completed", lambda: _run_jobs(client))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await namespaces.create({"metadata": {"name": "large"}})
        await asyncio.to_thread(server.etcd.put_all, _make_config_maps())
        await measure("a namespace deleted", lambda: _delete_namespace(client))
    return found


class _Deployment:
    """A deployment of a thousand pods, behind a service."""

    def __init__(self, client: RestClient, kubelet: ReadyKubelet) -> None:
        self._deployments = client.resource("apps", "v1", "deployments", dict)
        self._services = client.resource("", "v1", "services", dict)
        self._pods = kubelet.pods
        self._replicas = _scaled(_WORK)

    async def create(self) -> None:
        labels = {"app": "large"}
        template = {"metadata": {"labels": labels}, "spec": {**make_pod_spec(), "nodeName": "node-0"}}
        spec = {"replicas": self._replicas, "selector": {"matchLabels": labels}, "template": template}
        service = {"clusterIP": "None", "selector": labels, "ports": [{"port": 80}]}
        await self._services.create({"metadata": {"name": "large"}, "spec": service}, namespace=NAMESPACE)
        await self._deployments.create({"metadata": {"name": "large"}, "spec": spec}, namespace=NAMESPACE)
        await self._wait()

    async def roll(self) -> None:
        template = {"metadata": {"annotations": {"round": "2"}}}
        await self._deployments.patch("large", {"spec": {"template": template}}, namespace=NAMESPACE)
        await self._wait()

    async def delete(self) -> None:
        await self._deployments.delete("large", namespace=NAMESPACE)
        while len(self._pods.store):  # noqa: ASYNC110  set by the informer
            await asyncio.sleep(0.05)

    async def _wait(self) -> None:
        """Until its status says that all pods are new and available."""
        fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        while True:
            found = await self._deployments.get("large", namespace=NAMESPACE)
            status = found["status"]
            if status.get("observedGeneration") == found["metadata"]["generation"] and all(
                status.get(field) == self._replicas for field in fields
            ):
                return
            await asyncio.sleep(0.1)


async def _run_jobs(client: RestClient) -> None:
    """Create the jobs, and wait until all are complete."""
    jobs = client.resource("batch", "v1", "jobs", dict)
    count = _scaled(_WORK)
    version = (await jobs.list(NAMESPACE)).resource_version
    complete: set[str] = set()

    async def watch() -> None:
        async for event in jobs.watch(NAMESPACE, resource_version=version, timeout_seconds=_LONGEST_SECONDS):
            job = getattr(event, "object", {})
            conditions = job.get("status", {}).get("conditions", ())
            if any(each["type"] == "Complete" and each["status"] == "True" for each in conditions):
                complete.add(job["metadata"]["name"])
                if len(complete) == count:
                    return

    template = {
        "metadata": {"labels": {FINISHES: "yes"}},
        "spec": {**make_pod_spec(), "nodeName": "node-0", "restartPolicy": "Never"},
    }

    async def create(number: int) -> None:
        body = {"metadata": {"name": f"job-{number}"}, "spec": {"template": template}}
        await jobs.create(body, namespace=NAMESPACE)

    await asyncio.gather(watch(), each(_CONNECTIONS, range(count), create))


async def _delete_namespace(client: RestClient) -> None:
    namespaces = client.resource("", "v1", "namespaces", dict)
    await namespaces.delete("large")
    with contextlib.suppress(ApiError):
        while True:
            await namespaces.get("large")
            await asyncio.sleep(0.1)


def _make_config_maps() -> dict[str, bytes]:
    """By their keys in etcd."""

    def make(number: int) -> dict[str, Any]:
        metadata = {
            "name": f"m{number}",
            "namespace": "large",
            "uid": str(uuid.uuid4()),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"k": "v" * 500}}

    return {
        f"/registry/configmaps/large/m{number}": json.dumps(make(number)).encode()
        for number in range(_scaled(_OBJECTS))
    }


@contextlib.asynccontextmanager
async def _client(server: ApiServer) -> AsyncIterator[RestClient]:
    async with RestClient.from_kubeconfig(
        kubeconfig(server), user_agent="bench", qps=10_000, burst=10_000
    ) as client:
        yield client
