"""Builds the kubelet from its parts and runs it."""

import asyncio
import contextlib
import logging
from typing import Final

import msgspec

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.client import ClientError, EventRecorder, InformerFactory, RestClient
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.api_objects.object_cache import ObjectCache
from kprov.kube.kubelet.api_objects.tokens import TokenManager
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.housekeeping import Housekeeper
from kprov.kube.kubelet.images.filesystem import ImageFilesystem
from kprov.kube.kubelet.images.garbage_collection import ImageGarbageCollector
from kprov.kube.kubelet.images.manager import ImageManager
from kprov.kube.kubelet.kubelet import Dependencies, Kubelet
from kprov.kube.kubelet.node import info
from kprov.kube.kubelet.node.pressure import NodePressure
from kprov.kube.kubelet.node.registration import NodeReporter
from kprov.kube.kubelet.node.runtime_health import RuntimeHealth
from kprov.kube.kubelet.node.status import NodeStatusBuilder
from kprov.kube.kubelet.pleg import Pleg
from kprov.kube.kubelet.pods import apparmor, pod_queries
from kprov.kube.kubelet.pods.admission import PodAdmission
from kprov.kube.kubelet.pods.pod_manager import PodManager
from kprov.kube.kubelet.pods.static_pods import StaticPodSource
from kprov.kube.kubelet.pods.sysctls import SysctlRules
from kprov.kube.kubelet.probes.handler_runner import HandlerRunner
from kprov.kube.kubelet.probes.manager import ProbeManager
from kprov.kube.kubelet.runtime.cgroup_driver import find_cgroup_driver
from kprov.kube.kubelet.runtime.cgroup_manager import CgroupManager
from kprov.kube.kubelet.runtime.container_killer import ContainerKiller
from kprov.kube.kubelet.runtime.container_starter import ContainerStarter
from kprov.kube.kubelet.runtime.image_volumes import ImageVolumes
from kprov.kube.kubelet.runtime.manager import RuntimeManager
from kprov.kube.kubelet.runtime.user_namespaces import UserNamespaces
from kprov.kube.kubelet.server.app import KubeletServer
from kprov.kube.kubelet.shutdown import groups
from kprov.kube.kubelet.shutdown.manager import NOT_READY_MESSAGE, ShutdownManager, ShutdownState
from kprov.kube.kubelet.status.manager import StatusManager
from kprov.kube.kubelet.volumes.claims import ClaimedVolumes
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.kubelet.volumes.sources import VolumeSources
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_HOUSEKEEPING_SECONDS: Final = 60.0
_PRESSURE_SECONDS: Final = 10.0


async def serve(config: KubeletConfiguration, stop: asyncio.Event) -> None:
    """Run until `stop`. The pods go on running after it."""
    client = None
    if config.kubeconfig:
        client = RestClient.from_kubeconfig(
            config.kubeconfig, user_agent="kubelet", qps=config.kube_api_qps, burst=config.kube_api_burst
        )
    cri = CriClient(config.endpoint, timeout=config.runtime_request_timeout)
    try:
        await _App(config, client, cri).run(stop)
    finally:
        await cri.close()
        if client is not None:
            await client.close()


class _App:
    def __init__(self, config: KubeletConfiguration, client: RestClient | None, cri: CriClient) -> None:
        self._config = config
        self._client = client
        self._cri = cri
        self._recorder = (
            EventRecorder(client, component="kubelet", host=config.node_name) if client is not None else None
        )
        self._events = EventSender(self._recorder, config.node_name)
        self._host_ips = config.node_ips or [info.find_default_address()]
        config.node_ips = self._host_ips
        self._capacity = info.compute_capacity(config)
        self._allocatable = info.compute_allocatable(config, self._capacity)
        self._informers = InformerFactory(client) if client is not None else None
        self._pressure = NodePressure()
        self._health = RuntimeHealth(cri, self._handle_runtime_change)
        self._handlers = HandlerRunner(cri)
        self._pods = PodManager()
        self._node_reporter: NodeReporter | None = None
        self._shutdown_state = ShutdownState()
        self._kubelet = self._make_kubelet()
        self._pleg = Pleg(cri, self._kubelet.wake_worker)
        self._image_filesystem = ImageFilesystem(cri)
        self._image_gc = ImageGarbageCollector(cri, config, self._events)
        self._static_pods = StaticPodSource(config, client, self._kubelet)
        self._shutdown = ShutdownManager(
            groups.make_schedule(
                config.shutdown_grace, config.shutdown_grace_critical, config.shutdown_periods
            ),
            self._shutdown_state,
            list_active_pods=self._kubelet.list_active_pods,
            kill_pod=self._kubelet.end_for_shutdown,
            send_statuses=self._kubelet.send_statuses,
            on_change=self._report_node_soon,
            events=self._events,
        )

    def _make_kubelet(self) -> Kubelet:
        config, client = self._config, self._client
        tokens = TokenManager(client)
        objects = ObjectCache(client, self._wake_worker)
        sources = VolumeSources(objects.get_object, tokens.get_token, self._allocatable)
        volumes = VolumeManager(
            config.root_dir,
            sources,
            ClaimedVolumes(objects.get_object),
            lambda pod, reason, text: self._events.send_pod_event(pod, "Warning", reason, text),
        )
        status = StatusManager(client, self._pods.get_api_document)
        try:
            user_namespaces = UserNamespaces(config, lambda: self._health.handlers)
            user_namespaces.recover(volumes.list_pod_folders())
        except ConfigError as error:
            raise run.FatalError(str(error)) from error
        runtime = self._make_runtime(volumes, user_namespaces)
        apparmor_problem = apparmor.check_host()
        apparmor.log_problem(apparmor_problem)
        kubelet = Kubelet(
            Dependencies(
                config=config,
                cri=self._cri,
                pods=self._pods,
                events=self._events,
                runtime=runtime,
                cgroups=CgroupManager(config),
                volumes=volumes,
                objects=objects,
                tokens=tokens,
                probes=ProbeManager(self._handlers, self._events, status.get_pod_status, self._wake_worker),
                status=status,
                admission=PodAdmission(
                    self._allocatable,
                    config.max_pods,
                    apparmor_problem,
                    SysctlRules(config.allowed_unsafe_sysctls),
                ),
                host_ips=self._host_ips,
                get_network_problem=lambda: self._health.network_problem,
                is_shutting_down=lambda: self._shutdown_state.is_shutting_down,
            )
        )
        self._housekeeper = Housekeeper(
            config=config,
            cri=self._cri,
            pods=self._pods,
            workers=kubelet.workers,
            runtime=runtime,
            volumes=volumes,
        )
        return kubelet

    def _make_runtime(self, volumes: VolumeManager, user_namespaces: UserNamespaces) -> RuntimeManager:
        config = self._config
        parallel = 1 if config.serialize_image_pulls else config.max_parallel_image_pulls
        killer = ContainerKiller(self._cri, config, self._events, self._handlers)
        images = ImageManager(self._cri, parallel=parallel)
        starter = ContainerStarter(
            cri=self._cri,
            config=config,
            events=self._events,
            images=images,
            image_volumes=ImageVolumes(self._cri, images, self._events),
            volumes=volumes,
            handlers=self._handlers,
            killer=killer,
            make_environment=self._make_environment,
            memory_capacity=info.read_memory()[0],
            get_features=self._get_runtime_features,
        )
        return RuntimeManager(
            cri=self._cri,
            config=config,
            events=self._events,
            starter=starter,
            killer=killer,
            user_namespaces=user_namespaces,
            get_handler=self._get_runtime_handler,
        )

    def _wake_worker(self, uid: PodUID) -> None:
        self._kubelet.wake_worker(uid)

    async def _make_environment(self, pod: Pod, container: Container, ips: list[str]) -> dict[str, str]:
        services = (
            self._informers.informer("", "v1", "services").list() if self._informers is not None else []
        )
        return await self._kubelet.make_environment(
            pod, container, ips, services=services, allocatable=self._allocatable
        )

    async def _get_runtime_handler(self, pod: Pod) -> str:
        """Return the runtime's handler that the pod's RuntimeClass names. "" is the default one."""
        name = pod.spec.runtime_class_name
        if not name or self._client is None:
            return ""
        runtime_class = await self._client.resource("node.k8s.io", "v1", "runtimeclasses").get(name)
        return str(runtime_class.get("handler") or "")

    async def _get_runtime_features(self, pod: Pod) -> pb.RuntimeHandlerFeatures:
        """Return what the pod's handler can do, as the runtime says. Raises ContainerConfigError."""
        try:
            handler = await self._get_runtime_handler(pod)
        except ClientError as error:
            raise ContainerConfigError(
                f"reading RuntimeClass {pod.spec.runtime_class_name}: {error}"
            ) from error
        return (self._health.handlers or {}).get(handler) or pb.RuntimeHandlerFeatures()

    def _report_node_soon(self) -> None:
        if self._node_reporter is not None:
            self._node_reporter.report_soon()

    def _handle_runtime_change(self) -> None:
        self._report_node_soon()
        self._kubelet.wake_all_workers()

    async def run(self, stop: asyncio.Event) -> None:
        config = self._config
        await self._health.check()
        version = await self._wait_for_runtime(stop)
        if version is None:
            return
        try:
            config.cgroup_driver = await find_cgroup_driver(self._cri, config.cgroup_driver)
        except RuntimeFailure as failure:
            raise run.FatalError(
                f"the container runtime does not tell its cgroup driver: {failure}"
            ) from failure
        await self._read_pressure()
        works = [self._pleg.run(), self._health.run(), self._image_gc.run(), self._run_housekeeping()]
        works += [self._measure_pressure(), self._shutdown.run()]
        if config.static_pod_path:
            works.append(self._static_pods.run())
        if self._client is not None and self._informers is not None:
            self._node_reporter = await self._make_node_reporter(self._client, version)
            self._watch_api(self._informers)
            works += [self._informers.run(stop), self._node_reporter.run()]
        server = KubeletServer(config, self._kubelet, self._cri, self._client)
        health = HealthServer(address=config.healthz_address, port=config.healthz_port)
        health.add_check("pleg", lambda: self._pleg.problem)
        await server.start()
        await health.start()
        self._events.send_node_event("Normal", "Starting", "Starting kubelet.")
        self._warn_of_unserved_fields()
        sd_notify.notify("READY=1")
        log.info("kubelet of node %s listens on port %d", config.node_name, config.port)
        try:
            await run.run_until(stop, *works)
        finally:
            await self._kubelet.close()
            await server.stop()
            await health.stop()
            if self._recorder is not None:
                await self._recorder.close()

    def _warn_of_unserved_fields(self) -> None:
        """Say which fields of the configuration have no effect, to whoever looks at the log or the node."""
        if self._config.unserved_fields:
            names = ", ".join(self._config.unserved_fields)
            text = f"this kubelet does not act on these fields of its configuration: {names}"
            log.warning("%s", text)
            self._events.send_node_event("Warning", "UnservedConfiguration", text)

    async def _make_node_reporter(self, client: RestClient, version: tuple[str, str]) -> NodeReporter:
        builder = NodeStatusBuilder(
            self._config,
            host_ips=self._host_ips,
            capacity=self._capacity,
            allocatable=self._allocatable,
            node_info=info.make_node_info(*version),
            pressure=self._pressure,
            list_problems=self._list_problems,
            get_handlers=lambda: self._health.handlers or {},
        )
        with contextlib.suppress(RuntimeFailure):
            builder.images = await self._cri.list_images()
        self._image_gc.on_images = lambda images: setattr(builder, "images", images)
        return NodeReporter(client, self._config, builder, self._events)

    async def _wait_for_runtime(self, stop: asyncio.Event) -> tuple[str, str] | None:
        """Return the runtime's name and version, once it answers. None if `stop` comes first."""
        while not stop.is_set():
            try:
                response = await self._cri.version()
            except RuntimeFailure as failure:
                log.warning("waiting for the container runtime: %s", failure)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await stop.wait()
            else:
                await self._health.check()
                return response.runtime_name, response.runtime_version
        return None

    def _list_problems(self) -> list[str]:
        """Why the node is not ready."""
        problems = self._health.list_problems()
        if self._pleg.problem:
            problems.append(f"PLEG is not healthy: {self._pleg.problem}")
        if self._shutdown_state.is_shutting_down:
            problems.append(NOT_READY_MESSAGE)
        return problems

    def _watch_api(self, informers: InformerFactory) -> None:
        informers.informer("", "v1", "services")
        pods = informers.informer("", "v1", "pods", field_selector=f"spec.nodeName={self._config.node_name}")
        pods.add_handler(
            on_add=self._handle_pod,
            on_update=lambda _, new: self._handle_pod(new),
            on_delete=self._handle_deleted_pod,
        )

    def _handle_pod(self, document: JsonObject) -> None:
        if _is_mirror(document):
            self._pods.set_mirror(document)
            self._static_pods.add_mirror(document)
            return
        try:
            self._kubelet.set_pod(document)
        except msgspec.ValidationError as error:
            meta = document["metadata"]
            log.error("ignoring pod %s/%s: %s", meta["namespace"], meta["name"], error)  # noqa: TRY400

    def _handle_deleted_pod(self, document: JsonObject) -> None:
        if _is_mirror(document):
            self._pods.remove_mirror(document)
            self._static_pods.remove_mirror(document)
            return
        self._kubelet.remove_pod(PodUID(document["metadata"]["uid"]))

    async def _run_housekeeping(self) -> None:
        if self._informers is not None:
            await self._informers.wait_for_sync()
        if self._config.static_pod_path:
            await self._static_pods.has_read.wait()
        while True:
            try:
                await self._housekeeper.remove_orphans()
                await self._housekeeper.remove_dead_containers()
                await self._housekeeper.rotate_logs()
            except (RuntimeFailure, OSError) as failure:
                log.warning("housekeeping: %s", failure)
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)

    async def _read_pressure(self) -> None:
        path = await self._image_filesystem.find_mountpoint()
        await asyncio.to_thread(self._pressure.measure, self._config, path)

    async def _measure_pressure(self) -> None:
        while True:
            before = self._pressure.conditions
            await self._read_pressure()
            if before != self._pressure.conditions:
                self._report_node_soon()
            await asyncio.sleep(_PRESSURE_SECONDS)


def _is_mirror(document: JsonObject) -> bool:
    return pod_queries.CONFIG_MIRROR in (document["metadata"].get("annotations") or {})
