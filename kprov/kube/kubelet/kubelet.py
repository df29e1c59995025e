"""The pods of this node: from the API server and files, through their workers, to the runtime and back.

`sync_pod`, `sync_terminating_pod` and `sync_terminated_pod` are the steps of a pod's life
(pkg/kubelet/kubelet.go).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import Condition, ObjectMeta, PodUID
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.component_helpers.tree_removal import remove_tree
from kprov.kube.kubelet.api_objects.object_cache import ObjectCache
from kprov.kube.kubelet.api_objects.tokens import TokenManager
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.pod_workers import PodWorker
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.admission import PodAdmission, Rejection
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.pods.pod_manager import PodManager
from kprov.kube.kubelet.probes.manager import ProbeManager
from kprov.kube.kubelet.runtime import sandbox_config, user_namespaces
from kprov.kube.kubelet.runtime.cgroup_manager import CgroupManager
from kprov.kube.kubelet.runtime.environment import EnvironmentSources, make_environment_variables
from kprov.kube.kubelet.runtime.manager import RuntimeManager
from kprov.kube.kubelet.runtime.pod_cgroups import create_cgroups
from kprov.kube.kubelet.shutdown import manager as shutdown
from kprov.kube.kubelet.status.manager import StatusManager
from kprov.kube.kubelet.status.pod_status import generate_pod_status
from kprov.kube.kubelet.status.termination import terminate_status
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

log = logging.getLogger(__name__)

_NETWORK_NOT_READY: Final = "network is not ready"
_FINAL_PHASES: Final = frozenset({"Succeeded", "Failed"})


class NetworkNotReadyError(OSError):
    """The runtime has no pod network yet. The pod worker tries again soon."""


@dataclass(kw_only=True)
class Dependencies:
    """What the kubelet is made of (kubelet.Dependencies)."""

    config: KubeletConfiguration
    cri: CriClient
    pods: PodManager
    events: EventSender
    runtime: RuntimeManager
    cgroups: CgroupManager
    volumes: VolumeManager
    objects: ObjectCache
    tokens: TokenManager
    probes: ProbeManager
    status: StatusManager
    admission: PodAdmission
    host_ips: list[str]
    # None if the runtime's network is ready, else why it is not.
    get_network_problem: Callable[[], str | None]
    is_shutting_down: Callable[[], bool]


class Kubelet:
    """`set_pod` adds or changes a pod, `remove_pod` removes it. Workers do the rest."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._deps = dependencies
        self._pods = dependencies.pods
        self.workers: dict[PodUID, PodWorker] = {}
        self._rejected: set[PodUID] = set()
        # Pods that end because the node shuts down.
        self._shut_down: set[PodUID] = set()

    # What the server reads.

    def list_documents(self) -> list[JsonObject]:
        """All pods of this node with static pods, each with the kubelet's status."""
        return [
            {**document, "status": self._deps.status.get_pod_status(uid) or document.get("status") or {}}
            for uid, document in self._pods.list_documents().items()
        ]

    def has_pod(self, uid: PodUID) -> bool:
        return self._pods.has_pod(uid)

    def find_pod(self, namespace: str, name: str) -> Pod | None:
        return self._pods.find_pod(namespace, name)

    def get_container_status(self, uid: PodUID, name: str) -> JsonObject | None:
        status = self._deps.status.get_pod_status(uid) or {}
        for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
            for item in status.get(field) or []:
                if item["name"] == name:
                    return item  # type: ignore[no-any-return]
        return None

    def get_waiting_reason(self, uid: PodUID, name: str) -> str:
        """Why a container has not started."""
        waiting = self._deps.runtime.waiting.get(uid, {}).get(name)
        if waiting is not None:
            return waiting.reason
        status = self.get_container_status(uid, name) or {}
        return str(((status.get("state") or {}).get("waiting") or {}).get("reason") or "ContainerCreating")

    # What the sources of pods call.

    def wake_worker(self, uid: PodUID) -> None:
        """Sync the pod now."""
        if (worker := self.workers.get(uid)) is not None:
            worker.wake()

    def wake_all_workers(self) -> None:
        for worker in self.workers.values():
            worker.wake()

    def set_pod(self, document: JsonObject) -> None:
        """Handle a pod that is new or has changed."""
        uid = PodUID(document["metadata"]["uid"])
        old = self._pods.get_pod(uid)
        pod = self._pods.set_pod(document)
        worker = self.workers.get(uid)
        if worker is None:
            if old is None:
                self._admit_and_start(pod)
            elif pod_queries.is_being_deleted(pod):
                # The pod ended before. The worker lets its object be deleted.
                self._start_worker(pod)
        elif worker.pod is not pod:
            self._register_objects(pod)
            # Other clients may end a pod by its phase: eviction, preemption, a lost node.
            if old is not None and _has_same_spec(old, pod) and not pod_queries.is_finished(pod):
                worker.pod = pod
            else:
                worker.update_pod(pod)
        if pod_queries.is_being_deleted(pod) and worker is not None:
            worker.update_pod(pod)
        self._deps.status.reconcile(document)

    def remove_pod(self, uid: PodUID) -> None:
        """End a pod that is gone from its source, and remove all of it."""
        pod = self._pods.remove_pod(uid)
        worker = self.workers.get(uid)
        if worker is not None:
            grace = pod_queries.get_deletion_grace(worker.pod)
            worker.terminate(
                max(1, grace) if grace is not None else pod_queries.get_termination_grace(worker.pod)
            )
        elif pod is not None:
            start_background_task(self._clean_up(uid, pod), f"clean-up of pod {uid}")

    def _admit_and_start(self, pod: Pod) -> None:
        uid = pod.uid
        is_new = not (
            pod_queries.is_being_deleted(pod) or pod_queries.is_finished(pod) or pod.status.start_time
        )
        rejection = self._admit(pod) if is_new else None
        if rejection is not None:
            self._reject(pod, rejection)
            return
        self._rejected.discard(uid)
        self._start_worker(pod)

    def _admit(self, pod: Pod) -> Rejection | None:
        if self._deps.is_shutting_down():
            return Rejection(*shutdown.REJECTION)
        others = [
            other
            for other in self._pods.list_pods()
            if other.uid not in self._rejected | {pod.uid} and not self._has_ended(other)
        ]
        return self._deps.admission.admit(pod, others)

    def _reject(self, pod: Pod, rejection: Rejection) -> None:
        uid = pod.uid
        self._rejected.add(uid)
        self._deps.events.send_pod_event(pod, "Warning", rejection.reason, rejection.message)
        api_status = self._pods.get_status(uid)
        status = {
            **api_status,
            "phase": "Failed",
            "reason": rejection.reason,
            "message": f"Pod was rejected: {rejection.message}",
        }
        self._deps.status.set_pod_status(uid, status, api_status)
        self._deps.status.finish_pod(uid)

    def _start_worker(self, pod: Pod) -> None:
        self._register_objects(pod)
        resync = self._deps.config.sync_frequency
        self.workers[pod.uid] = PodWorker(pod, self, resync, self._handle_worker_end)

    def _register_objects(self, pod: Pod) -> None:
        """Watch the objects that the pod uses. A late update of a pod that ends must not start watches."""
        if not pod_queries.is_being_deleted(pod):
            self._deps.objects.register_pod(pod)

    def _has_ended(self, pod: Pod) -> bool:
        return pod.uid not in self.workers or pod_queries.is_finished(pod)

    def _handle_worker_end(self, worker: PodWorker) -> None:
        self.workers.pop(worker.uid, None)
        self._deps.objects.unregister_pod(worker.uid)
        pod = self._pods.get_pod(worker.uid)
        was_deleted = pod_queries.is_being_deleted(worker.pod)
        if pod is not None and pod_queries.is_being_deleted(pod) and not was_deleted:
            self._start_worker(pod)

    def list_active_pods(self) -> list[Pod]:
        """Pods that have not ended."""
        return [pod for pod in self._pods.list_pods() if not self._has_ended(pod)]

    async def end_for_shutdown(self, pod: Pod, grace: int) -> None:
        """End a pod within `grace` seconds because the node shuts down. Returns when it has ended."""
        uid = pod.uid
        if (worker := self.workers.get(uid)) is not None:
            self._shut_down.add(uid)
            worker.terminate(max(1, grace))
            await worker.wait_until_ended()

    async def send_statuses(self) -> None:
        """Wait until the API server has the statuses of all pods, at most two seconds."""
        await self._deps.status.close()

    async def close(self) -> None:
        """Stop the workers. The pods go on running."""
        for worker in self.workers.values():
            worker.stop()
        self._deps.probes.close()
        await self._deps.objects.close()
        await self._deps.status.close()

    # The steps of a pod's life.

    async def sync_pod(self, pod: Pod) -> tuple[bool, float | None]:
        deps, uid = self._deps, pod.uid
        state = await deps.runtime.get_pod_state(uid)
        status = self._update_status(pod, state)
        if status["phase"] in _FINAL_PHASES or self._fail_if_overdue(pod, status):
            return True, None
        if problem := await deps.runtime.find_namespace_problem(pod, state):
            self._fail(pod, status, user_namespaces.REASON, problem)
            return True, None
        self._check_network(pod, state)
        await create_cgroups(deps.cgroups, deps.events, pod, self.list_active_pods())
        try:
            await deps.volumes.mount_volumes(pod, self._make_node_fields(pod, state.ips))
        except VolumeError as error:
            deps.events.send_pod_event(pod, "Warning", "FailedMount", str(error))
            raise
        deps.probes.add_pod(pod)
        secrets = await self._get_pull_secrets(pod)
        changed, retry = await deps.runtime.sync_pod(pod, state, deps.probes, secrets)
        if changed or deps.runtime.waiting.get(uid):
            status = self._update_status(pod, await deps.runtime.get_pod_state(uid))
        deadline = pod.spec.active_deadline_seconds
        if deadline is not None:
            retry = min(retry or float(deadline), float(deadline)) + 0.5
        return status["phase"] in _FINAL_PHASES, retry

    async def sync_terminating_pod(self, pod: Pod, grace: int | None) -> None:
        deps, uid = self._deps, pod.uid
        state = await deps.runtime.get_pod_state(uid)
        self._update_status(pod, state)
        deps.probes.stop_liveness_and_startup(uid)
        await deps.runtime.kill_pod(pod, state, grace)
        deps.probes.remove_pod(uid)
        state = await deps.runtime.get_pod_state(uid)
        if running := state.list_running():
            raise OSError(f"containers run although they were stopped: {[item.name for item in running]}")
        self._update_status(pod, state, terminal=True)

    async def sync_terminated_pod(self, pod: Pod) -> None:
        deps, uid = self._deps, pod.uid
        newest = self._pods.get_pod(uid)
        if newest is None or pod_queries.is_being_deleted(newest):
            await deps.volumes.remove_pod_folder(uid)
            await self._remove_containers(uid)
        else:
            await deps.volumes.unmount_volumes(uid)
        deps.runtime.release_user_namespace(uid)
        await asyncio.to_thread(deps.cgroups.remove_pod_cgroup, pod)
        deps.tokens.forget_pod(uid)
        if newest is None:
            await self._clean_up(uid, pod)
        else:
            deps.status.finish_pod(uid)

    async def _remove_containers(self, uid: PodUID) -> None:
        await self._deps.runtime.remove_pod(await pod_state.read_pod_state(self._deps.cri, uid))

    async def _clean_up(self, uid: PodUID, pod: Pod) -> None:
        """Remove everything of a pod that is gone from the API."""
        deps = self._deps
        await self._remove_containers(uid)
        await deps.volumes.remove_pod_folder(uid)
        deps.runtime.release_user_namespace(uid)
        folder = sandbox_config.get_log_directory(pod, deps.config)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(remove_tree, Path(folder))
        deps.runtime.forget_pod(uid)
        deps.status.forget_pod(uid)
        deps.objects.unregister_pod(uid)
        self._rejected.discard(uid)
        self._shut_down.discard(uid)

    def _update_status(self, pod: Pod, state: PodState, *, terminal: bool = False) -> JsonObject:
        """Generate the pod's status and send it. `terminal`: no container will run again."""
        deps, uid = self._deps, pod.uid
        newest = self._pods.get_pod(uid) or pod
        api_status = self._pods.get_status(uid)
        old = deps.status.get_pod_status(uid) or api_status
        ends_in_shutdown = terminal and uid in self._shut_down and old.get("phase") not in _FINAL_PHASES
        if ends_in_shutdown:
            old = {**old, **shutdown.ENDED_STATUS}
        status = generate_pod_status(
            newest,
            state,
            old=old,
            waiting=deps.runtime.waiting.get(uid) or {},
            host_ips=deps.host_ips,
            update_ready=deps.probes.update_pod_status,
            terminal=terminal,
        )
        if ends_in_shutdown:
            status["conditions"].append(dict(shutdown.ENDED_CONDITION))
        if terminal:
            terminate_status(newest, status)
        deps.status.set_pod_status(uid, status, api_status)
        return status

    def _fail_if_overdue(self, pod: Pod, status: JsonObject) -> bool:
        """Whether the pod runs longer than activeDeadlineSeconds. Sets its phase to Failed then."""
        deadline, start = pod.spec.active_deadline_seconds, status.get("startTime")
        if deadline is None or not start:
            return False
        if timestamps.seconds(timestamps.now()) - timestamps.seconds(start) < deadline:
            return False
        text = "Pod was active on the node longer than the specified deadline"
        self._deps.events.send_pod_event(pod, "Normal", "DeadlineExceeded", text)
        failed = {**status, "phase": "Failed", "reason": "DeadlineExceeded", "message": text}
        uid = pod.uid
        self._deps.status.set_pod_status(uid, failed, self._pods.get_status(uid))
        return True

    def _fail(self, pod: Pod, status: JsonObject, reason: str, problem: str) -> None:
        """End a pod that this node must not run."""
        self._deps.events.send_pod_event(pod, "Warning", reason, problem)
        text = f"Pod was rejected: {problem}"
        failed = {**status, "phase": "Failed", "reason": reason, "message": text}
        self._deps.status.set_pod_status(pod.uid, failed, self._pods.get_status(pod.uid))

    def _check_network(self, pod: Pod, state: PodState) -> None:
        """Raise NetworkNotReadyError."""
        problem = self._deps.get_network_problem()
        if problem and not pod.spec.host_network and not state.ips:
            text = f"{_NETWORK_NOT_READY}: {problem}"
            self._deps.events.send_pod_event(pod, "Warning", "NetworkNotReady", text)
            raise NetworkNotReadyError(text)

    def _make_node_fields(self, pod: Pod, ips: list[str]) -> NodeFields:
        host_ips = self._deps.host_ips
        return NodeFields(
            pod_ips=host_ips if pod.spec.host_network else ips,
            host_ips=host_ips,
            node_name=self._deps.config.node_name,
        )

    async def _get_pull_secrets(self, pod: Pod) -> list[JsonObject]:
        secrets = []
        for reference in pod.spec.image_pull_secrets:
            secret = await self._deps.objects.get_object("secrets", pod.metadata.namespace, reference.name)
            if secret is None:
                text = (
                    f"Unable to retrieve some image pull secrets ({reference.name});"
                    " attempting to pull the image may not succeed."
                )
                self._deps.events.send_pod_event(pod, "Warning", "FailedToRetrieveImagePullSecret", text)
            else:
                secrets.append(secret)
        return secrets

    async def make_environment(
        self,
        pod: Pod,
        container: Container,
        ips: list[str],
        *,
        services: list[JsonObject],
        allocatable: dict[str, Quantity],
    ) -> dict[str, str]:
        """Return the environment variables of a container. `services`: all of the cluster."""
        sources = EnvironmentSources(
            self._deps.objects.get_object, self._make_node_fields(pod, ips), allocatable
        )
        return await make_environment_variables(pod, container, services=services, sources=sources)


def _has_same_spec(old: Pod, new: Pod) -> bool:
    """Whether nothing changed on which a worker acts: spec, metadata, conditions of readiness gates."""
    return (
        old.spec == new.spec
        and _get_relevant_metadata(old) == _get_relevant_metadata(new)
        and _list_gate_conditions(old) == _list_gate_conditions(new)
    )


def _get_relevant_metadata(pod: Pod) -> ObjectMeta:
    return msgspec.structs.replace(pod.metadata, resource_version="")


def _list_gate_conditions(pod: Pod) -> list[Condition]:
    gates = {gate.condition_type for gate in pod.spec.readiness_gates}
    return [item for item in pod.status.conditions if item.type in gates]
