"""A scheduler that runs in the test's event loop, against the small API server of the controllers' tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from kprov.contract.scheduler.profiles import DEFAULT_SCHEDULER, Profile
from kprov.kube.client import EventRecorder, InformerFactory, RestClient
from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.scheduler.binding.pod_binder import PodBinder
from kprov.kube.scheduler.cycle.scheduler import Scheduler
from kprov.kube.scheduler.devices.binder import ClaimBinder
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.framework.pending_bindings import PendingBindings
from kprov.kube.scheduler.framework.plugin import Profile as PluginProfile
from kprov.kube.scheduler.framework.waiting_pods import WaitingPods
from kprov.kube.scheduler.informers.compact import make_transforms
from kprov.kube.scheduler.informers.event_handlers import add_event_handlers
from kprov.kube.scheduler.informers.scheduler_informers import SchedulerInformers
from kprov.kube.scheduler.plugins.registry import PluginResources
from kprov.kube.scheduler.preemption.eviction import Evictor
from kprov.kube.scheduler.profile import build_profile
from kprov.kube.scheduler.queue.queued_pod import Backoff
from kprov.kube.scheduler.volumes.binder import VolumeBinder
from tests.unit.kube.controller_manager.conftest import ApiServer, reply

SPEC: dict[str, Any] = {"schedulerName": "default-scheduler", "containers": [{"name": "c", "image": "i"}]}


class BindingServer(ApiServer):
    """Binds pods. `targets`: the nodes of all bindings."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.endswith("/binding"):
            return await super()._route(request)
        body = await request.json()
        name, node = body["metadata"]["name"], body["target"]["name"]
        async with self.changed:
            self.targets.append(node)
            self.changed.notify_all()
        await self.handle_binding(name, node)
        return reply({})

    async def handle_binding(self, name: str, node: str) -> None:
        await self.change("pods", name, {"spec": {"nodeName": node}})


async def create_node(server: ApiServer, name: str, *, cpu: str = "4", **labels: str) -> None:
    status = {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}}
    await server.create("nodes", {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": status})


async def create_pod(server: BindingServer, name: str, by: str = "", **spec: Any) -> None:
    await server.create("pods", {"metadata": {"name": name, "labels": {"by": by}}, "spec": SPEC | spec})


async def wait_for_node(server: BindingServer, name: str) -> str:
    async with asyncio.timeout(5), server.changed:
        await server.changed.wait_for(lambda: server.get("pods", name)["spec"].get("nodeName"))
    return str(server.get("pods", name)["spec"]["nodeName"])


@asynccontextmanager
async def run_scheduler(
    server: ApiServer,
    change: Callable[[PluginProfile], PluginProfile] = lambda profile: profile,
    waiting_pods: WaitingPods | None = None,
    extenders: Extenders | None = None,
) -> AsyncIterator[SchedulerInformers]:
    """change: of the default profile."""
    async with RestClient(ClientConfig(server=f"http://127.0.0.1:{server.port}"), qps=0) as client:
        informers = InformerFactory(client, transforms=make_transforms())
        sources = SchedulerInformers(informers)
        recorder = EventRecorder(client, component=DEFAULT_SCHEDULER)
        bindings = PendingBindings(waiting_pods)
        resources = PluginResources(
            default_selector=sources.get_default_selector,
            listers=sources.volumes,
            binder=VolumeBinder(client, sources.volumes),
            list_budgets=sources.budgets.list,
            devices=sources.devices,
            node_volumes=sources.node_volumes,
            claim_binder=ClaimBinder(client),
            pod_binder=PodBinder(client),
            evictor=Evictor(client, recorder, bindings.cancel),
            extenders=extenders or Extenders(),
        )
        profiles = [change(build_profile(Profile(), resources))]
        backoff = Backoff(initial=0.01)
        scheduler = Scheduler(
            client,
            profiles,
            {DEFAULT_SCHEDULER: recorder},
            backoff=backoff,
            bindings=bindings,
            extenders=extenders,
        )
        add_event_handlers(scheduler, sources)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(informers.run(stop))]
        await asyncio.wait_for(informers.wait_for_sync(), 5)
        tasks.append(asyncio.create_task(scheduler.run()))
        try:
            yield sources
        finally:
            stop.set()
            tasks[1].cancel()
            await asyncio.wait(tasks)
            await recorder.close()
