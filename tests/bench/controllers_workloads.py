"""The time and the CPU of a controller manager for a deployment, jobs and the deletion of a namespace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

import uvloop

from kprov.kube.client import ApiError, RestClient
from tests.apiserver.servers import ApiServer
from tests.bench.apiserver_load import each
from tests.bench.controller_state import NAMESPACE, make_pod_spec
from tests.bench.controllers_server import make_client, report, run_server, scale
from tests.bench.large_namespace import LARGE, store_objects
from tests.bench.manager_process import Manager, manager
from tests.bench.ready_kubelet import FINISHES, ReadyKubelet

#: The ratios to reach.
WANTED: Final = {
    f"{name}, s": "<= 1.0"
    for name in (
        "a deployment created",
        "a deployment rolled",
        "a deployment deleted",
        "jobs completed",
        "a namespace deleted",
    )
}
_WORK: Final = 1_000
_OBJECTS: Final = 5_000
_CONNECTIONS: Final = 16
#: Longer than any step needs on a machine with other work.
_STEP_SECONDS: Final = 600
_PAUSE_SECONDS: Final = 3


def measure(program: str | None) -> dict[str, float]:
    """Seconds of each step, and of the manager's CPU in it. program: another one than ours."""
    with run_server() as server, manager(server, program) as process:
        process.settle()
        found: dict[str, float] = uvloop.run(_run_steps(server, process, program or "ours"))
        return found


async def _run_steps(server: ApiServer, process: Manager, program: str) -> dict[str, float]:
    found: dict[str, float] = {}

    async def measure_step(name: str, work: Callable[[], Awaitable[None]]) -> None:
        begin, cpu = perf_counter(), process.cpu
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                await work()
        except TimeoutError:
            raise SystemExit(f"{program}: {name}: not finished after {_STEP_SECONDS} s") from None
        found[f"{name}, s"] = perf_counter() - begin
        # What follows from the step, such as the last statuses, counts as well.
        await asyncio.sleep(_PAUSE_SECONDS)
        found[f"  its CPU ({name}), s"] = process.cpu - cpu
        seconds, used = found[f"{name}, s"], found[f"  its CPU ({name}), s"]
        report(f"{program}: {name}: {seconds:.1f} s, its CPU {used:.1f} s")

    async with make_client(server) as client:
        namespaces = client.resource("", "v1", "namespaces", dict)
        await namespaces.create({"metadata": {"name": NAMESPACE}})
        kubelet = ReadyKubelet(client, NAMESPACE)
        task = asyncio.create_task(kubelet.run())
        await kubelet.pods.wait_for_sync()
        deployment = _Deployment(client, kubelet)
        await measure_step("a deployment created", deployment.create)
        await measure_step("a deployment rolled", deployment.roll)
        await measure_step("a deployment deleted", deployment.delete)
        await measure_step("jobs completed", lambda: _run_jobs(client))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(store_objects, server, scale(_OBJECTS))
        await asyncio.sleep(_PAUSE_SECONDS)
        await measure_step("a namespace deleted", lambda: _delete_namespace(client))
    return found


class _Deployment:
    """A deployment of a thousand pods, behind a service."""

    def __init__(self, client: RestClient, kubelet: ReadyKubelet) -> None:
        self._deployments = client.resource("apps", "v1", "deployments", dict)
        self._services = client.resource("", "v1", "services", dict)
        self._pods = kubelet.pods
        self._replicas = scale(_WORK)

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
    count = scale(_WORK)
    version = (await jobs.list(NAMESPACE)).resource_version
    complete: set[str] = set()

    async def watch() -> None:
        async for event in jobs.watch(NAMESPACE, resource_version=version, timeout_seconds=_STEP_SECONDS):
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
    await namespaces.delete(LARGE)
    with contextlib.suppress(ApiError):
        while True:
            await namespaces.get(LARGE)
            await asyncio.sleep(0.1)
