"""The pods of this node: from the API server and files, through their workers, to the runtime and back."""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kprov.kube.kubelet.api_objects.object_cache import ObjectCache
from kprov.kube.kubelet.api_objects.tokens import TokenManager
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.admission import Admission, Refusal
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.pods.pod_workers import TERMINATED, PodWorker
from kprov.kube.kubelet.probes.manager import ProbeManager
from kprov.kube.kubelet.runtime import cgroups, environment, log_rotation, sandbox_config
from kprov.kube.kubelet.runtime.pod_runtime import PodRuntime
from kprov.kube.kubelet.shutdown import manager as shutdown
from kprov.kube.kubelet.status import generate
from kprov.kube.kubelet.status.manager import StatusManager
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.kubelet.volumes.sources import VolumeError
from kprov.kube.machinery.quantity import Quantity

log = logging.getLogger(__name__)

_NETWORK_NOT_READY: Final = "network is not ready"


class NetworkNotReadyError(OSError):
    """No pod network yet; the pod is tried again soon."""


@dataclass(kw_only=True)
class Parts:
    """What the kubelet is made of."""

    config: KubeletConfig
    cri: CriClient
    events: PodEvents
    runtime: PodRuntime
    volumes: VolumeManager
    objects: ObjectCache
    tokens: TokenManager
    probes: ProbeManager
    status: StatusManager
    admission: Admission
    host_ips: list[str]
    # None while the runtime's network is ready, else why it is not.
    network_problem: Callable[[], str | None]
    is_shutting_down: Callable[[], bool]


class Kubelet:
    """Give it pods with ``set_pod`` and ``remove_pod``; it does the rest."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pods: dict[str, Pod] = {}
        self._workers: dict[str, PodWorker] = {}
        self._rejected: set[str] = set()
        # Pods that end because the node shuts down.
        self._shut_down: set[str] = set()

    def pods(self) -> list[Pod]:
        """All pods of this node, static ones included, each with the status this kubelet knows."""
        return [
            {**pod, "status": self._parts.status.get(uid) or pod.get("status") or {}}
            for uid, pod in self._pods.items()
        ]

    def pod(self, uid: str) -> Pod | None:
        return self._pods.get(uid)

    def find(self, namespace: str, name: str) -> Pod | None:
        for pod in self._pods.values():
            if pod_queries.name_of(pod) == name and pod_queries.namespace_of(pod) == namespace:
                return pod
        return None

    def container_status(self, uid: str, name: str) -> dict[str, Any] | None:
        """The newest status told of a container."""
        status = self._parts.status.get(uid) or {}
        for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
            for item in status.get(field) or []:
                if item["name"] == name:
                    return item  # type: ignore[no-any-return]
        return None

    def waiting_reason(self, uid: str, name: str) -> str:
        """Why a container has not started."""
        waiting = self._parts.runtime.waiting.get(uid, {}).get(name)
        if waiting is not None:
            return waiting.reason
        found = self.container_status(uid, name) or {}
        return str(((found.get("state") or {}).get("waiting") or {}).get("reason") or "ContainerCreating")

    def wake(self, uid: str) -> None:
        if (worker := self._workers.get(uid)) is not None:
            worker.wake()

    def wake_all(self) -> None:
        for worker in self._workers.values():
            worker.wake()

    def set_pod(self, pod: Pod) -> None:
        """A pod that is new, or changed."""
        uid = pod_queries.uid_of(pod)
        old = self._pods.get(uid)
        self._pods[uid] = pod
        worker = self._workers.get(uid)
        if worker is None:
            if old is None:
                self._start(pod)
            elif pod_queries.is_being_deleted(pod):
                # It ended before; now its object may go.
                self._start_worker(pod)
        elif worker.pod is not pod:
            self._register(pod)
            # Others may end a pod by its phase: eviction, preemption, a lost node.
            if old is not None and _is_only_status(old, pod) and not pod_queries.is_finished(pod):
                worker.pod = pod
            else:
                worker.update(pod)
        if pod_queries.is_being_deleted(pod) and worker is not None:
            worker.update(pod)
        self._parts.status.reconcile(pod)

    def remove_pod(self, uid: str) -> None:
        """The pod is gone from where it came from: end what is left of it."""
        pod = self._pods.pop(uid, None)
        worker = self._workers.get(uid)
        if worker is not None:
            grace = pod_queries.deletion_grace(worker.pod)
            worker.terminate(
                max(1, grace) if grace is not None else pod_queries.termination_grace(worker.pod),
                orphaned=True,
            )
        elif pod is not None:
            task = asyncio.get_running_loop().create_task(self._clean(uid, pod))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _start(self, pod: Pod) -> None:
        uid = pod_queries.uid_of(pod)
        others = [
            item
            for key, item in self._pods.items()
            if key != uid and key not in self._rejected and not self._has_ended(key, item)
        ]
        if (
            not pod_queries.is_being_deleted(pod)
            and not pod_queries.is_finished(pod)
            and not (pod.get("status") or {}).get("startTime")
        ):
            refusal = self._parts.admission.check(pod, others)
            if self._parts.is_shutting_down():
                refusal = Refusal(*shutdown.REJECTION)
            if refusal is not None:
                self._rejected.add(uid)
                self._parts.events.pod(pod, "Warning", refusal.reason, refusal.message)
                text = f"Pod was rejected: {refusal.message}"
                status = {
                    **(pod.get("status") or {}),
                    "phase": "Failed",
                    "reason": refusal.reason,
                    "message": text,
                }
                self._parts.status.set(pod, status)
                self._parts.status.finish(uid)
                return
        self._rejected.discard(uid)
        self._start_worker(pod)

    def _start_worker(self, pod: Pod) -> None:
        uid = pod_queries.uid_of(pod)
        self._register(pod)
        self._workers[uid] = PodWorker(pod, self, self._parts.config.sync_frequency, self._ended)

    def _register(self, pod: Pod) -> None:
        """Watch what it uses; what comes of it behind its end must not open watches once more."""
        if not pod_queries.is_being_deleted(pod):
            self._parts.objects.register(pod)

    def _has_ended(self, uid: str, pod: Pod) -> bool:
        return uid not in self._workers or pod_queries.is_finished(pod)

    def _ended(self, worker: PodWorker) -> None:
        self._workers.pop(worker.uid, None)
        self._parts.objects.unregister(worker.uid)
        pod = self._pods.get(worker.uid)
        if (
            pod is not None
            and pod_queries.is_being_deleted(pod)
            and not pod_queries.is_being_deleted(worker.pod)
        ):
            self._start_worker(pod)

    def active_pods(self) -> list[Pod]:
        """Pods that have not ended."""
        return [pod for uid, pod in self._pods.items() if not self._has_ended(uid, pod)]

    async def end_for_shutdown(self, pod: Pod, grace: int) -> None:
        """End a pod within ``grace`` seconds because the node shuts down; returns when it has ended."""
        uid = pod_queries.uid_of(pod)
        if (worker := self._workers.get(uid)) is not None:
            self._shut_down.add(uid)
            worker.terminate(max(1, grace))
            await worker.wait_until_ended()

    async def send_statuses(self) -> None:
        """Wait until the API server has the pods' statuses, at most two seconds."""
        await self._parts.status.close()

    async def close(self) -> None:
        """Stop watching over pods; they go on running."""
        for worker in self._workers.values():
            worker.stop()
        self._parts.probes.close()
        await self._parts.objects.close()
        await self._parts.status.close()

    # The steps of a pod's life.

    async def sync_pod(self, pod: Pod) -> tuple[bool, float | None]:
        parts, uid = self._parts, pod_queries.uid_of(pod)
        state = await parts.runtime.state(uid)
        status = self._tell(pod, state)
        if status["phase"] in {"Succeeded", "Failed"}:
            return True, None
        if self._is_overdue(pod, status):
            text = "Pod was active on the node longer than the specified deadline"
            parts.events.pod(pod, "Normal", "DeadlineExceeded", text)
            parts.status.set(
                pod, {**status, "phase": "Failed", "reason": "DeadlineExceeded", "message": text}
            )
            return True, None
        problem = parts.network_problem()
        if problem and not pod_queries.uses_host_network(pod) and not state.ips:
            parts.events.pod(pod, "Warning", "NetworkNotReady", f"{_NETWORK_NOT_READY}: {problem}")
            raise NetworkNotReadyError(f"{_NETWORK_NOT_READY}: {problem}")
        await asyncio.to_thread(cgroups.ensure, pod, parts.config)
        try:
            await parts.volumes.set_up(pod, self._runtime_fields(state.ips, pod))
        except VolumeError as error:
            parts.events.pod(pod, "Warning", "FailedMount", str(error))
            raise
        parts.probes.add_pod(pod)
        did, retry = await parts.runtime.sync(pod, state, parts.probes, await self._pull_secrets(pod))
        if did or parts.runtime.waiting.get(uid):
            status = self._tell(pod, await parts.runtime.state(uid))
        deadline = pod["spec"].get("activeDeadlineSeconds")
        if deadline is not None:
            retry = min(retry or float(deadline), float(deadline)) + 0.5
        return status["phase"] in {"Succeeded", "Failed"}, retry

    async def sync_terminating(self, pod: Pod, grace: int | None) -> None:
        parts, uid = self._parts, pod_queries.uid_of(pod)
        state = await parts.runtime.state(uid)
        self._tell(pod, state)
        parts.probes.stop_liveness(uid)
        await parts.runtime.kill(pod, state, grace)
        parts.probes.remove_pod(uid)
        state = await parts.runtime.state(uid)
        if running := state.running():
            raise OSError(f"containers still run after they were ended: {[item.name for item in running]}")
        self._tell(pod, state, terminal=True)

    async def sync_terminated(self, pod: Pod) -> None:
        parts, uid = self._parts, pod_queries.uid_of(pod)
        newest = self._pods.get(uid)
        gone = newest is None or pod_queries.is_being_deleted(newest)
        if gone:
            await parts.volumes.tear_down(uid)
            await self._remove_containers(uid)
        else:
            await parts.volumes.tear_down_volumes(uid)
        await asyncio.to_thread(cgroups.remove, pod, parts.config)
        parts.tokens.forget(uid)
        if newest is None:
            await self._clean(uid, pod)
        else:
            parts.status.finish(uid)

    async def _remove_containers(self, uid: str) -> None:
        await self._parts.runtime.remove(await pod_state.read(self._parts.cri, uid))

    async def _clean(self, uid: str, pod: Pod) -> None:
        """Nothing of the pod is to be left: it is gone from the API."""
        parts = self._parts
        await self._remove_containers(uid)
        await parts.volumes.tear_down(uid)
        folder = sandbox_config.log_directory(pod, parts.config)
        await asyncio.to_thread(shutil.rmtree, folder, True)
        parts.runtime.forget(uid)
        parts.status.forget(uid)
        parts.objects.unregister(uid)
        self._rejected.discard(uid)
        self._shut_down.discard(uid)

    def _tell(self, pod: Pod, state: PodState, *, terminal: bool = False) -> dict[str, Any]:
        parts, uid = self._parts, pod_queries.uid_of(pod)
        newest = self._pods.get(uid, pod)
        old = parts.status.get(uid) or newest.get("status") or {}
        is_shut_down = terminal and uid in self._shut_down and old.get("phase") not in {"Succeeded", "Failed"}
        if is_shut_down:
            old = {**old, **shutdown.ENDED_STATUS}
        status = generate.generate(
            newest,
            state,
            old=old,
            waiting=parts.runtime.waiting.get(uid) or {},
            host_ips=parts.host_ips,
            update_ready=parts.probes.update_status,
            terminal=terminal,
        )
        if is_shut_down:
            status["conditions"].append(dict(shutdown.ENDED_CONDITION))
        parts.status.set(newest, status)
        return status

    def _is_overdue(self, pod: Pod, status: dict[str, Any]) -> bool:
        from kprov.kube.machinery import timestamps

        deadline, start = pod["spec"].get("activeDeadlineSeconds"), status.get("startTime")
        if deadline is None or not start:
            return False
        return timestamps.seconds(timestamps.now()) - timestamps.seconds(start) >= float(deadline)

    def _runtime_fields(self, ips: list[str], pod: Pod) -> dict[str, Any]:
        parts = self._parts
        own = parts.host_ips if pod_queries.uses_host_network(pod) else ips
        return {"podIPs": own, "hostIPs": parts.host_ips, "nodeName": parts.config.node_name}

    async def _pull_secrets(self, pod: Pod) -> list[dict[str, Any]]:
        found = []
        for reference in pod["spec"].get("imagePullSecrets") or []:
            secret = await self._parts.objects.lookup(
                "secrets", pod_queries.namespace_of(pod), reference.get("name", "")
            )
            if secret is None:
                text = (
                    f"Unable to retrieve some image pull secrets ({reference.get('name')});"
                    " attempting to pull the image may not succeed."
                )
                self._parts.events.pod(pod, "Warning", "FailedToRetrieveImagePullSecret", text)
            else:
                found.append(secret)
        return found

    def environment_source(
        self, services: Callable[[], list[dict[str, Any]]], allocatable: dict[str, Quantity]
    ) -> Callable[[Pod, Container, list[str]], Any]:
        """What fills the environment of containers; ``services`` lists the cluster's."""

        async def make(pod: Pod, container: Container, ips: list[str]) -> dict[str, str]:
            return await environment.make(
                pod,
                container,
                services=services(),
                lookup=self._parts.objects.lookup,
                runtime=self._runtime_fields(ips, pod),
                allocatable=allocatable,
            )

        return make

    # Housekeeping.

    async def remove_orphans(self) -> None:
        """End what the runtime and the disk hold of pods that are not ours any more."""
        parts = self._parts
        known = set(self._pods) | set(self._workers)
        for sandbox in await parts.cri.list_pod_sandboxes():
            uid = sandbox.metadata.uid
            if uid in known or uid in self._pods or uid in self._workers:
                continue
            log.info(
                "ending pod %s/%s (%s): it is not known here",
                sandbox.metadata.namespace,
                sandbox.metadata.name,
                uid,
            )
            state = await pod_state.read(parts.cri, uid)
            for status in state.running():
                await parts.cri.stop_container(status.id, 1)
            await parts.runtime.remove(state)
            known.add(uid)
        for uid in await asyncio.to_thread(parts.volumes.left_behind):
            if uid not in self._pods and uid not in self._workers:
                try:
                    await parts.volumes.tear_down(uid)
                except OSError as error:
                    log.warning("removing what is left of pod %s: %s", uid, error)
        await asyncio.to_thread(self._remove_dead_links)

    def _remove_dead_links(self) -> None:
        folder = Path("/var/log/containers")
        for link in folder.iterdir() if folder.is_dir() else []:
            if link.is_symlink() and not link.exists():
                link.unlink(missing_ok=True)

    async def rotate_logs(self) -> None:
        """Put away logs of running containers that are too large, and drop the oldest."""
        parts = self._parts
        for uid in list(self._workers):
            for status in (await pod_state.read(parts.cri, uid)).containers:
                if status.is_running and await asyncio.to_thread(
                    log_rotation.is_due, status.log_path, parts.config
                ):
                    await asyncio.to_thread(log_rotation.put_away, status.log_path, parts.config)
                    await parts.cri.reopen_container_log(status.id)

    async def remove_dead_containers(self) -> None:
        """Keep the newest dead container of each name in pods that live (MaxPerPodContainer 1)."""
        for uid in list(self._workers):
            worker = self._workers.get(uid)
            if worker is None or worker.stage == TERMINATED:
                continue
            state = await pod_state.read(self._parts.cri, uid)
            seen: dict[str, int] = {}
            for status in state.containers:
                if status.state != pod_state.EXITED:
                    continue
                seen[status.name] = seen.get(status.name, 0) + 1
                if seen[status.name] > 1:
                    await self._parts.cri.remove_container(status.id)
                    with contextlib.suppress(OSError):
                        Path(status.log_path).unlink()  # noqa: ASYNC240 - one system call
            for sandbox in state.sandboxes[1:]:
                if not sandbox.ready and not any(item.sandbox_id == sandbox.id for item in state.containers):
                    await self._parts.cri.remove_pod_sandbox(sandbox.id)


def _is_only_status(old: Pod, new: Pod) -> bool:
    """Whether nothing changed that a worker acts upon."""

    def relevant(pod: Pod) -> dict[str, Any]:
        meta = {
            key: value
            for key, value in pod["metadata"].items()
            if key not in {"resourceVersion", "managedFields"}
        }
        return {"metadata": meta, "spec": pod["spec"], "conditions": _gates(pod)}

    return relevant(old) == relevant(new)


def _gates(pod: Pod) -> list[Any]:
    wanted = {gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []}
    return [item for item in (pod.get("status") or {}).get("conditions") or [] if item["type"] in wanted]
