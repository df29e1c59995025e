"""The scheduler over a server: what happens while a binding is under way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from kprov.kube.client import EventRecorder, InformerFactory, RestClient
from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.scheduler import queue
from kprov.kube.scheduler.event_handlers import SchedulerInformers, add_event_handlers
from kprov.kube.scheduler.profile import default_plugins
from kprov.kube.scheduler.scheduler import Scheduler
from kprov.kube.scheduler.volumes.binder import VolumeBinder
from tests.unit.kube.controller_manager.conftest import ApiServer, Refused, reply
from tests.unit.kube.http_server import served


class BindingServer(ApiServer):
    """Refuses the first binding once `answer` is set. `targets`: nodes of all bindings that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.answer = asyncio.Event()

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.endswith("/binding"):
            return await super()._route(request)
        body = await request.json()
        name, node = body["metadata"]["name"], body["target"]["name"]
        async with self.changed:
            self.targets.append(node)
            self.changed.notify_all()
        if len(self.targets) == 1:
            await self.answer.wait()
            raise Refused(409, "Conflict")
        await self.change("pods", name, {"spec": {"nodeName": node}})
        return reply({})


@pytest.fixture
async def server() -> AsyncIterator[BindingServer]:
    made = BindingServer()
    async with served(made.handle) as made.port:
        yield made


@pytest.fixture
async def sources(
    server: BindingServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SchedulerInformers]:
    """Those of a scheduler that runs."""
    monkeypatch.setattr(queue, "INITIAL_BACKOFF", 0.01)
    for name, disk in (("a", "ssd"), ("b", "hdd")):
        status = {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}
        labels = {"disk": disk}
        await server.create(
            "nodes", {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": status}
        )
    async with RestClient(ClientConfig(server=f"http://127.0.0.1:{server.port}"), qps=0) as client:
        informers = InformerFactory(client)
        sources = SchedulerInformers(informers)
        binder = VolumeBinder(client, sources.volumes)
        plugins = default_plugins(sources.get_default_selector, sources.volumes, binder)
        made = Scheduler(client, plugins, EventRecorder(client, component="default-scheduler"))
        add_event_handlers(made, sources)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(informers.run(stop))]
        await asyncio.wait_for(informers.wait_for_sync(), 5)
        tasks.append(asyncio.create_task(made.run()))
        yield sources
        stop.set()
        tasks[1].cancel()
        await asyncio.wait(tasks)


async def test_a_pod_that_changes_while_it_is_bound_is_decided_on_anew(
    server: BindingServer, sources: SchedulerInformers
) -> None:
    """Its binding fails: the next decision sees the pod as it is now, without waiting for anything else."""
    spec: dict[str, Any] = {
        "schedulerName": "default-scheduler",
        "containers": [{"name": "c", "image": "i"}],
        "nodeSelector": {"disk": "ssd"},
    }
    seen = asyncio.Event()
    sources.pods.add_handler(on_update=lambda _old, _new: seen.set())
    await server.create("pods", {"metadata": {"name": "p"}, "spec": spec})
    await server.until(lambda: server.targets)
    await server.change("pods", "p", {"spec": {"nodeSelector": {"disk": "hdd"}}})
    await asyncio.wait_for(seen.wait(), 5)
    server.answer.set()
    bound = await server.until(lambda: server.get("pods", "p")["spec"].get("nodeName"))
    assert (server.targets, bound) == (["a", "b"], "b")


SPEC: dict[str, Any] = {
    "schedulerName": "default-scheduler",
    "containers": [{"name": "c", "image": "i"}],
}
SELECTED = "volume.kubernetes.io/selected-node"


async def create_waiting_claim(server: BindingServer) -> None:
    """A claim that waits for its first consumer, and a pod that uses it."""
    server.answer.set()
    server.targets.append("")  # No binding is refused.
    mode = {"provisioner": "example.com/disks", "volumeBindingMode": "WaitForFirstConsumer"}
    await server.create("storageclasses", {"metadata": {"name": "slow"}} | mode)
    claim = {"storageClassName": "slow", "resources": {"requests": {"storage": "1Gi"}}}
    await server.create("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": claim})
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    spec = SPEC | {"volumes": volumes, "nodeSelector": {"disk": "hdd"}}
    await server.create("pods", {"metadata": {"name": "p"}, "spec": spec})


def get_selected_node(server: BindingServer) -> str:
    claim = server.get("persistentvolumeclaims", "data")
    return str((claim["metadata"].get("annotations") or {}).get(SELECTED, ""))


async def test_a_pod_is_bound_once_its_claim_is(server: BindingServer, sources: SchedulerInformers) -> None:
    """While its volume is being made, other pods are scheduled."""
    assert not sources.pods.list()
    await create_waiting_claim(server)
    assert await server.until(lambda: get_selected_node(server)) == "b"
    await server.create("pods", {"metadata": {"name": "other"}, "spec": SPEC})
    await server.until(lambda: server.get("pods", "other")["spec"].get("nodeName"))
    assert not server.get("pods", "p")["spec"].get("nodeName")
    volume = {"claimRef": {"namespace": "default", "name": "data"}, "storageClassName": "slow"}
    await server.create("persistentvolumes", {"metadata": {"name": "pv"}, "spec": volume})
    bound = {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    change = {"metadata": bound, "spec": {"volumeName": "pv"}}
    await server.change("persistentvolumeclaims", "data", change)
    assert await server.until(lambda: server.get("pods", "p")["spec"].get("nodeName")) == "b"


async def test_a_provisioner_that_cannot_sends_the_pod_to_another_node(
    server: BindingServer, sources: SchedulerInformers
) -> None:
    """It takes the selected node back. The pod says why it still waits, and is scheduled again."""
    assert not sources.pods.list()
    await create_waiting_claim(server)
    await server.until(lambda: get_selected_node(server))
    await server.change("persistentvolumeclaims", "data", {"metadata": {"annotations": {SELECTED: None}}})

    def find_condition() -> Any:
        conditions = server.get("pods", "p").get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["reason"] == "SchedulerError"), None)

    condition = await server.until(find_condition)
    assert condition["message"] == (
        'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"'
    )
    assert await server.until(lambda: get_selected_node(server)) == "b"
