"""Puts the kubelet's parts together and runs them."""

import asyncio
import contextlib
import logging
from typing import Any

from kprov.kube.client import EventRecorder, InformerFactory, RestClient
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.kubelet.api_objects.object_cache import ObjectCache
from kprov.kube.kubelet.api_objects.tokens import TokenManager
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.images.garbage_collection import ImageGc
from kprov.kube.kubelet.images.manager import ImageManager
from kprov.kube.kubelet.kubelet import Kubelet, Parts
from kprov.kube.kubelet.node import info
from kprov.kube.kubelet.node.pressure import Pressure
from kprov.kube.kubelet.node.registration import NodeAgent
from kprov.kube.kubelet.node.runtime_health import RuntimeHealth
from kprov.kube.kubelet.node.status import NodeStatusMaker
from kprov.kube.kubelet.pleg import Pleg
from kprov.kube.kubelet.pods import apparmor, pod_queries
from kprov.kube.kubelet.pods.admission import Admission
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.pods.static_pods import StaticPods
from kprov.kube.kubelet.probes.handlers import Handlers
from kprov.kube.kubelet.probes.manager import ProbeManager
from kprov.kube.kubelet.runtime.pod_runtime import PodRuntime
from kprov.kube.kubelet.server.app import KubeletServer
from kprov.kube.kubelet.shutdown import groups
from kprov.kube.kubelet.shutdown.manager import PROBLEM, ShutdownManager
from kprov.kube.kubelet.status.manager import StatusManager
from kprov.kube.kubelet.volumes.manager import VolumeManager

log = logging.getLogger(__name__)

_HOUSEKEEPING_SECONDS = 60.0
_PRESSURE_SECONDS = 10.0


async def serve(config: KubeletConfig, stop: asyncio.Event) -> None:
    """Run until ``stop``; pods go on without us."""
    client = None
    if config.kubeconfig:
        client = RestClient.from_kubeconfig(
            config.kubeconfig, user_agent="kubelet", qps=config.kube_api_qps, burst=config.kube_api_burst
        )
    cri = CriClient(config.endpoint, timeout=config.runtime_request_timeout)
    try:
        await _Node(config, client, cri).run(stop)
    finally:
        await cri.close()
        if client is not None:
            await client.close()


class _Node:
    def __init__(self, config: KubeletConfig, client: RestClient | None, cri: CriClient) -> None:
        self._config = config
        self._client = client
        self._cri = cri
        self._recorder = (
            EventRecorder(client, component="kubelet", host=config.node_name) if client is not None else None
        )
        self._events = PodEvents(self._recorder, config.node_name)
        self._host_ips = config.node_ips or [info.default_address()]
        config.node_ips = self._host_ips
        self._capacity = info.capacity(config)
        self._allocatable = info.allocatable(config, self._capacity)
        self._informers = InformerFactory(client) if client is not None else None
        self._pressure = Pressure()
        self._health = RuntimeHealth(cri, self._runtime_changed)
        self._handlers = Handlers(cri)
        self._mirrors: dict[str, Pod] = {}
        self._agent: NodeAgent | None = None
        self.kubelet = self._make_kubelet()
        self._pleg = Pleg(cri, self.kubelet.wake)
        self._image_gc = ImageGc(cri, config, self._events)
        self._static = StaticPods(config, client, self.kubelet)
        self._shutdown = ShutdownManager(
            groups.periods(config.shutdown_grace, config.shutdown_grace_critical, config.shutdown_periods),
            active_pods=self.kubelet.active_pods,
            kill=self.kubelet.end_for_shutdown,
            flush=self.kubelet.send_statuses,
            on_change=self._node_changed,
            events=self._events,
        )

    def _make_kubelet(self) -> Kubelet:
        config, client = self._config, self._client
        tokens = TokenManager(client)
        objects = ObjectCache(client, self._wake)
        volumes = VolumeManager(config.root_dir, objects.lookup, tokens.get, self._allocatable)
        status = StatusManager(client, self._api_pod)
        parallel = 1 if config.serialize_image_pulls else config.max_parallel_image_pulls
        images = ImageManager(self._cri, self._events, parallel=parallel)
        runtime = PodRuntime(
            cri=self._cri,
            config=config,
            events=self._events,
            images=images,
            volumes=volumes,
            handlers=self._handlers,
            environment=self._environment,
            handler=self._runtime_handler,
            memory_capacity=info.memory()[0],
        )
        apparmor_problem = apparmor.host_problem()
        apparmor.warn(apparmor_problem)
        parts = Parts(
            config=config,
            cri=self._cri,
            events=self._events,
            runtime=runtime,
            volumes=volumes,
            objects=objects,
            tokens=tokens,
            probes=ProbeManager(self._handlers, self._events, status.get, self._wake),
            status=status,
            admission=Admission(self._allocatable, config.max_pods, apparmor_problem),
            host_ips=self._host_ips,
            network_problem=lambda: self._health.network_problem,
            is_shutting_down=lambda: self._shutdown.is_shutting_down,
        )
        return Kubelet(parts)

    def _wake(self, uid: str) -> None:
        self.kubelet.wake(uid)

    def _api_pod(self, uid: str) -> Pod | None:
        """The pod as the API shows it: for a static pod its mirror."""
        pod = self.kubelet.pod(uid)
        if pod is not None and pod_queries.is_static(pod):
            return self._mirrors.get(f"{pod_queries.namespace_of(pod)}/{pod_queries.name_of(pod)}")
        return pod

    async def _environment(self, pod: Pod, container: Container, ips: list[str]) -> dict[str, str]:
        return await self.kubelet.environment_source(self._services, self._allocatable)(pod, container, ips)  # type: ignore[no-any-return]

    async def _runtime_handler(self, pod: Pod) -> str:
        """The runtime's handler that the pod's RuntimeClass names; "" is the default one."""
        name = pod["spec"].get("runtimeClassName")
        if not name or self._client is None:
            return ""
        found = await self._client.resource("node.k8s.io", "v1", "runtimeclasses").get(name)
        return str(found.get("handler") or "")

    def _services(self) -> list[dict[str, Any]]:
        return self._informers.informer("", "v1", "services").list() if self._informers is not None else []

    def _node_changed(self) -> None:
        if self._agent is not None:
            self._agent.poke()

    def _runtime_changed(self) -> None:
        self._node_changed()
        self.kubelet.wake_all()

    async def run(self, stop: asyncio.Event) -> None:
        config = self._config
        await self._health.check()
        version = await self._runtime_version(stop)
        if version is None:
            return
        await asyncio.to_thread(self._pressure.measure, config)
        works = [self._pleg.run(), self._health.run(), self._image_gc.run(), self._housekeeping()]
        works += [self._measure_pressure(), self._shutdown.run()]
        if config.static_pod_path:
            works.append(self._static.run())
        if self._client is not None and self._informers is not None:
            maker = NodeStatusMaker(
                config,
                host_ips=self._host_ips,
                capacity=self._capacity,
                allocatable=self._allocatable,
                node_info=info.node_info(*version),
                pressure=self._pressure,
                problems=self._problems,
            )
            with contextlib.suppress(RuntimeFailure):
                maker.images = await self._cri.list_images()
            self._image_gc.on_images = lambda images: setattr(maker, "images", images)
            self._agent = NodeAgent(self._client, config, maker, self._events)
            self._follow_api()
            works += [self._informers.run(stop), self._agent.run()]
        server = KubeletServer(config, self.kubelet, self._cri, self._client)
        health = HealthServer(address=config.healthz_address, port=config.healthz_port)
        health.add_check("pleg", lambda: self._pleg.problem)
        await server.start()
        await health.start()
        self._events.node("Normal", "Starting", "Starting kubelet.")
        sd_notify.notify("READY=1")
        log.info("kubelet of node %s serves on port %d", config.node_name, config.port)
        try:
            await run.run_until(stop, *works)
        finally:
            await self.kubelet.close()
            await server.stop()
            await health.stop()
            await self._handlers.close()
            if self._recorder is not None:
                await self._recorder.close()

    async def _runtime_version(self, stop: asyncio.Event) -> tuple[str, str] | None:
        """Name and version, as soon as the runtime answers; None when told to stop before."""
        while not stop.is_set():
            try:
                answer = await self._cri.version()
            except RuntimeFailure as failure:
                log.warning("waiting for the container runtime: %s", failure)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await stop.wait()
            else:
                await self._health.check()
                return answer.runtime_name, answer.runtime_version
        return None

    def _problems(self) -> list[str]:
        problems = self._health.problems()
        if self._pleg.problem:
            problems.append(f"PLEG is not healthy: {self._pleg.problem}")
        if self._shutdown.is_shutting_down:
            problems.append(PROBLEM)
        return problems

    def _follow_api(self) -> None:
        assert self._informers is not None
        self._informers.informer("", "v1", "services")
        mine = self._informers.informer(
            "", "v1", "pods", field_selector=f"spec.nodeName={self._config.node_name}"
        )
        mine.add_handler(
            on_add=self._pod_seen, on_update=lambda _, new: self._pod_seen(new), on_delete=self._pod_gone
        )

    def _pod_seen(self, pod: Pod) -> None:
        if pod_queries.is_mirror(pod):
            self._mirrors[f"{pod_queries.namespace_of(pod)}/{pod_queries.name_of(pod)}"] = pod
            self._static.mirror_seen(pod)
            return
        self.kubelet.set_pod(pod)

    def _pod_gone(self, pod: Pod) -> None:
        if pod_queries.is_mirror(pod):
            self._mirrors.pop(f"{pod_queries.namespace_of(pod)}/{pod_queries.name_of(pod)}", None)
            self._static.mirror_gone(pod)
            return
        self.kubelet.remove_pod(pod_queries.uid_of(pod))

    async def _housekeeping(self) -> None:
        if self._informers is not None:
            await self._informers.wait_for_sync()
        if self._config.static_pod_path:
            await self._static.read_once.wait()
        while True:
            try:
                await self.kubelet.remove_orphans()
                await self.kubelet.remove_dead_containers()
                await self.kubelet.rotate_logs()
            except (RuntimeFailure, OSError) as failure:
                log.warning("housekeeping: %s", failure)
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)

    async def _measure_pressure(self) -> None:
        while True:
            before = (self._pressure.memory, self._pressure.disk, self._pressure.pids)
            await asyncio.to_thread(self._pressure.measure, self._config)
            if before != (self._pressure.memory, self._pressure.disk, self._pressure.pids) and self._agent:
                self._agent.poke()
            await asyncio.sleep(_PRESSURE_SECONDS)
