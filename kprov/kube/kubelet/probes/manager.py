"""A worker for each probe of each container, and the newest results (prober/prober_manager.go)."""

import time
from collections.abc import Callable
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.probes.errors import HandlerError
from kprov.kube.kubelet.probes.handler_runner import HandlerRunner
from kprov.kube.kubelet.probes.kinds import LIVENESS, READINESS, STARTUP, get_probe
from kprov.kube.kubelet.probes.worker import ProbeWorker
from kprov.kube.machinery.json_object import JsonObject

_KINDS: Final = (LIVENESS, READINESS, STARTUP)


class ProbeManager:
    """``get_status(uid)`` gives the newest pod status. ``on_change(uid)`` is called after a new result."""

    def __init__(
        self,
        handlers: HandlerRunner,
        events: EventSender,
        get_status: Callable[[PodUID], JsonObject | None],
        on_change: Callable[[PodUID], None],
    ) -> None:
        self._handlers = handlers
        self._events = events
        self.get_status = get_status
        self._on_change = on_change
        self._workers: dict[tuple[PodUID, str, str], ProbeWorker] = {}  # (uid, container, kind) > worker
        self._results: dict[tuple[str, str], bool] = {}  # (kind, container id) > success
        self._results_of_pods: dict[PodUID, set[tuple[str, str]]] = {}  # keys of _results
        self.started_at = time.time()

    def add_pod(self, pod: Pod) -> None:
        """Start the probes that the pod has and that do not run yet."""
        sidecars = [item for item in pod.spec.init_containers if pod_queries.is_sidecar(item)]
        for container in [*sidecars, *pod.spec.containers]:
            for kind in _KINDS:
                if get_probe(container, kind) is not None:
                    self._add_worker(pod, container, kind)

    def _add_worker(self, pod: Pod, container: Container, kind: str) -> None:
        key = (pod.uid, container.name, kind)
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = ProbeWorker(self, pod, container, kind)
            worker.start(lambda: self._workers.pop(key, None))
        worker.pod = pod

    def remove_pod(self, uid: PodUID) -> None:
        """Stop the probes of a pod and remove their results."""
        for key in [key for key in self._workers if key[0] == uid]:
            self._workers.pop(key).stop()
        for result in self._results_of_pods.pop(uid, ()):
            self._results.pop(result, None)

    def stop_liveness_and_startup(self, uid: PodUID) -> None:
        """Stop the probes that restart containers: the pod terminates. Readiness is still probed."""
        for key in [key for key in self._workers if key[0] == uid and key[2] != READINESS]:
            worker = self._workers.pop(key)
            worker.stop()
            if worker.container_id:
                self._store_result(key[2], worker.container_id, uid, success=True)

    def close(self) -> None:
        for worker in self._workers.values():
            worker.stop()

    def get_liveness(self, container_id: str) -> bool | None:
        return self._results.get((LIVENESS, container_id))

    def get_startup(self, container_id: str) -> bool | None:
        return self._results.get((STARTUP, container_id))

    def set_result(self, kind: str, container_id: str, uid: PodUID, *, success: bool) -> None:
        if self._results.get((kind, container_id)) != success:
            self._store_result(kind, container_id, uid, success=success)
            self._on_change(uid)

    def remove_result(self, kind: str, container_id: str, uid: PodUID) -> None:
        self._results.pop((kind, container_id), None)
        self._results_of_pods.get(uid, set()).discard((kind, container_id))

    def _store_result(self, kind: str, container_id: str, uid: PodUID, *, success: bool) -> None:
        self._results[kind, container_id] = success
        self._results_of_pods.setdefault(uid, set()).add((kind, container_id))

    def update_pod_status(self, pod: Pod, statuses: list[JsonObject], old: dict[str, JsonObject]) -> None:
        """Set ``started`` and ``ready`` of container statuses. ``old``: the former statuses by name."""
        for status in statuses:
            container = pod_queries.find_container(pod, status["name"])
            if container is None:
                continue
            running = bool(status["state"].get("running"))
            if container in pod.spec.init_containers and not pod_queries.is_sidecar(container):
                terminated = status["state"].get("terminated")
                status["ready"] = bool(terminated and terminated.get("exitCode") == 0)
                status["started"] = running
                continue
            status["started"] = running and self._has_started(container, status, old)
            status["ready"] = status["started"] and self._is_ready(pod, container, status, old)

    def _has_started(self, container: Container, status: JsonObject, old: dict[str, JsonObject]) -> bool:
        if container.startup_probe is None:
            return True
        result = self._results.get((STARTUP, _get_container_id(status)))
        if result is None and _was_set(old, status, "started"):
            return True
        return bool(result)

    def _is_ready(
        self, pod: Pod, container: Container, status: JsonObject, old: dict[str, JsonObject]
    ) -> bool:
        if container.readiness_probe is None:
            return True
        result = self._results.get((READINESS, _get_container_id(status)))
        if result is None:
            # This kubelet has not probed yet: the former status counts.
            if _was_set(old, status, "ready"):
                return True
            worker = self._workers.get((pod.uid, container.name, READINESS))
            if worker is not None:
                worker.probe_now()
        return bool(result)

    async def probe(
        self, kind: str, pod: Pod, status: JsonObject, container: Container, container_id: str
    ) -> bool:
        """Probe once. ``status``: the pod's."""
        spec = get_probe(container, kind)
        assert spec is not None
        timeout = float(spec.timeout_seconds or 1)
        try:
            address = status.get("podIP") or ""
            warning = await self._handlers.run(spec, container, container_id, address, timeout)
        except HandlerError as error:
            text = f"{kind} probe failed: {error}"
            self._events.send_container_event(pod, container, "Warning", "Unhealthy", text)
            return False
        if warning:
            text = f"{kind} probe warning: {warning}"
            self._events.send_container_event(pod, container, "Warning", "ProbeWarning", text)
        return True


def _get_container_id(status: JsonObject) -> str:
    return str(status.get("containerID", "")).rpartition("://")[2]


def _was_set(old: dict[str, JsonObject], status: JsonObject, field: str) -> bool:
    before = old.get(status["name"]) or {}
    return bool(before.get(field)) and before.get("containerID") == status.get("containerID")
