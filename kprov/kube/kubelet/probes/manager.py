"""One task for each probe of each container, and the newest results (pkg/kubelet/prober)."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final

from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.probes.handlers import Handlers, ProbeError
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

LIVENESS, READINESS, STARTUP = "Liveness", "Readiness", "Startup"
_FIELDS: Final = {LIVENESS: "livenessProbe", READINESS: "readinessProbe", STARTUP: "startupProbe"}
_INITIAL: Final = {LIVENESS: True, READINESS: False, STARTUP: None}
# A running container that is older than the kubelet by this keeps the readiness it had.
_RESTART_GRACE: Final = 10.0
Status = dict[str, Any]


class ProbeManager:
    """``status_of(uid)`` gives the newest pod status; ``on_change(uid)`` is called when a result changed."""

    def __init__(
        self,
        handlers: Handlers,
        events: PodEvents,
        status_of: Callable[[str], Status | None],
        on_change: Callable[[str], None],
    ) -> None:
        self._handlers = handlers
        self._events = events
        self._status_of = status_of
        self._on_change = on_change
        self._workers: dict[tuple[str, str, str], _Worker] = {}
        self._results: dict[tuple[str, str], bool] = {}  # (kind, container id) > good
        self._results_of_pods: dict[str, set[tuple[str, str]]] = {}  # uid > keys of _results
        self.started_at = time.time()

    def add_pod(self, pod: Pod) -> None:
        for container in [*pod_queries.init_containers(pod), *pod_queries.app_containers(pod)]:
            if container in pod_queries.init_containers(pod) and not pod_queries.is_sidecar(container):
                continue
            for kind, field in _FIELDS.items():
                key = (pod_queries.uid_of(pod), container["name"], kind)
                if not container.get(field):
                    continue
                worker = self._workers.get(key)
                if worker is None:
                    worker = self._workers[key] = _Worker(self, pod, container, kind)
                    worker.start(lambda key=key: self._workers.pop(key, None))  # type: ignore[misc]
                worker.pod = pod

    def remove_pod(self, uid: str) -> None:
        """Stop probing a pod and drop its results."""
        for key in [key for key in self._workers if key[0] == uid]:
            self._workers.pop(key).stop()
        for result in self._results_of_pods.pop(uid, ()):
            self._results.pop(result, None)

    def stop_liveness(self, uid: str) -> None:
        """Stop the probes that restart containers: the pod terminates. Readiness is still probed."""
        for key in [key for key in self._workers if key[0] == uid and key[2] != READINESS]:
            worker = self._workers.pop(key)
            worker.stop()
            if worker.container_id:
                self._store(key[2], worker.container_id, uid, good=True)

    def close(self) -> None:
        for worker in self._workers.values():
            worker.stop()

    def liveness(self, container_id: str) -> bool | None:
        return self._results.get((LIVENESS, container_id))

    def startup(self, container_id: str) -> bool | None:
        return self._results.get((STARTUP, container_id))

    def set_result(self, kind: str, container_id: str, uid: str, good: bool) -> None:
        if self._results.get((kind, container_id)) != good:
            self._store(kind, container_id, uid, good=good)
            self._on_change(uid)

    def drop_result(self, kind: str, container_id: str, uid: str) -> None:
        self._results.pop((kind, container_id), None)
        self._results_of_pods.get(uid, set()).discard((kind, container_id))

    def _store(self, kind: str, container_id: str, uid: str, *, good: bool) -> None:
        self._results[kind, container_id] = good
        self._results_of_pods.setdefault(uid, set()).add((kind, container_id))

    def update_status(self, pod: Pod, statuses: list[Status], old: dict[str, Status]) -> None:
        """Set ``started`` and ``ready`` of container statuses from the probes' results."""
        for status in statuses:
            container = pod_queries.find_container(pod, status["name"])
            if container is None:
                continue
            init = container in pod_queries.init_containers(pod)
            if init and not pod_queries.is_sidecar(container):
                terminated = status["state"].get("terminated")
                status["ready"] = bool(terminated and terminated.get("exitCode") == 0)
                status["started"] = bool(status["state"].get("running"))
                continue
            identity = status.get("containerID", "").rpartition("://")[2]
            running = bool(status["state"].get("running"))
            status["started"] = running and self._has_started(pod, container, identity, status, old)
            status["ready"] = bool(status["started"]) and self._is_ready(
                pod, container, identity, status, old
            )

    def _has_started(
        self, pod: Pod, container: Container, identity: str, status: Status, old: dict[str, Status]
    ) -> bool:
        if not container.get("startupProbe"):
            return True
        result = self._results.get((STARTUP, identity))
        if result is None and self._was(old, status, "started"):
            return True
        return bool(result)

    def _is_ready(
        self, pod: Pod, container: Container, identity: str, status: Status, old: dict[str, Status]
    ) -> bool:
        if not container.get("readinessProbe"):
            return True
        result = self._results.get((READINESS, identity))
        if result is None:
            # Not probed yet by this kubelet: what was known before still counts.
            if self._was(old, status, "ready"):
                return True
            worker = self._workers.get((pod_queries.uid_of(pod), container["name"], READINESS))
            if worker is not None:
                worker.hurry()
        return bool(result)

    def _was(self, old: dict[str, Status], status: Status, field: str) -> bool:
        before = old.get(status["name"]) or {}
        return bool(before.get(field)) and before.get("containerID") == status.get("containerID")

    async def probe(self, kind: str, pod: Pod, status: Status, container: Container, identity: str) -> bool:
        """One try, repeated up to three times when it cannot be tried, as upstream does on errors."""
        spec = container[_FIELDS[kind]]
        address = status.get("podIP") or ""
        timeout = float(spec.get("timeoutSeconds") or 1)
        try:
            await self._handlers.run(spec, container, identity, address, timeout)
        except ProbeError as error:
            self._events.container(pod, container, "Warning", "Unhealthy", f"{kind} probe failed: {error}")
            return False
        return True

    def status_of(self, uid: str) -> Status | None:
        return self._status_of(uid)


class _Worker:
    def __init__(self, manager: ProbeManager, pod: Pod, container: Container, kind: str) -> None:
        self._manager = manager
        self.pod = pod
        self._container = container
        self._kind = kind
        self._spec: dict[str, Any] = container[_FIELDS[kind]]
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.container_id = ""
        self._on_hold = False
        self._last: bool | None = None
        self._run = 0

    def start(self, done: Callable[[], Any]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())
        self._task.add_done_callback(lambda _: done())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def hurry(self) -> None:
        """Probe now rather than at the next turn: readiness matters most just after the start."""
        self._wake.set()

    async def _work(self) -> None:
        period = float(self._spec.get("periodSeconds") or 10)
        # After a restart of the kubelet not all probes run at once.
        if period > time.time() - self._manager.started_at:
            await asyncio.sleep(random.random() * period * 0.1)  # noqa: S311  spreading load
        try:
            while await self._turn():
                self._wake.clear()
                try:
                    async with asyncio.timeout(self._wait(period)):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("probe of %s failed", pod_queries.told(self.pod))

    def _wait(self, period: float) -> float:
        """Before the container runs, look more often than it is probed."""
        return min(period, 1.0) if not self.container_id else period

    async def _turn(self) -> bool:
        status = self._manager.status_of(pod_queries.uid_of(self.pod))
        if status is None:
            return True
        if status.get("phase") in {"Failed", "Succeeded"}:
            return False
        found = _find(status, self._container["name"])
        if found is None or not found.get("containerID"):
            return True
        identity = found["containerID"].rpartition("://")[2]
        if identity != self.container_id:
            self._adopt(identity, found)
        if self._on_hold:
            return True
        running = found["state"].get("running")
        uid = pod_queries.uid_of(self.pod)
        if not running:
            self._manager.set_result(self._kind, identity, uid, good=False)
            policy = pod_queries.container_restart_policy(self.pod, self._container)
            return not found["state"].get("terminated") or policy != "Never"
        if pod_queries.is_being_deleted(self.pod) and self._kind != READINESS:
            self._manager.set_result(self._kind, identity, uid, good=True)
            return False
        begun = timestamps.seconds(running["startedAt"]) if running.get("startedAt") else time.time()
        left = begun + float(self._spec.get("initialDelaySeconds") or 0) - time.time()
        if left > 0:
            await asyncio.sleep(min(left, float(self._spec.get("periodSeconds") or 10)))
            if left > float(self._spec.get("periodSeconds") or 10):
                return True
        if bool(found.get("started")) == (self._kind == STARTUP):
            return True
        good = await self._manager.probe(self._kind, self.pod, status, self._container, identity)
        self._count(good, identity, uid)
        return True

    def _adopt(self, identity: str, found: Status) -> None:
        if self.container_id:
            self._manager.drop_result(self._kind, self.container_id, pod_queries.uid_of(self.pod))
        self.container_id = identity
        self._on_hold, self._last, self._run = False, None, 0
        running = found["state"].get("running") or {}
        begun = timestamps.seconds(running["startedAt"]) if running.get("startedAt") else time.time()
        initial = _INITIAL[self._kind]
        if initial is not None and begun >= self._manager.started_at - _RESTART_GRACE:
            self._manager.set_result(self._kind, identity, pod_queries.uid_of(self.pod), good=initial)

    def _count(self, good: bool, identity: str, uid: str) -> None:
        self._run = self._run + 1 if good == self._last else 1
        self._last = good
        needed = int(self._spec.get("successThreshold" if good else "failureThreshold") or (1 if good else 3))
        if self._run < needed:
            return
        self._manager.set_result(self._kind, identity, uid, good=good)
        if (self._kind in {LIVENESS, STARTUP} and not good) or (self._kind == STARTUP and good):
            # The container is about to be replaced, or has started: wait for the next one.
            self._on_hold = True
            self._run = 0


def _find(status: Status, name: str) -> Status | None:
    for field in ("containerStatuses", "initContainerStatuses"):
        for item in status.get(field) or []:
            if item["name"] == name:
                return item  # type: ignore[no-any-return]
    return None
