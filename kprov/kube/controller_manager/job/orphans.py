"""Removes the tracking finalizer from pods that no running job counts (syncOrphanPod)."""

import logging
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import OwnerReference
from kprov.kube.client import ApiError, Informer, WorkQueue
from kprov.kube.controller_manager.framework.pod_control import PodControl
from kprov.kube.controller_manager.job.conditions import is_finished
from kprov.kube.controller_manager.job.pods import API_VERSION, KIND, remove_finalizer
from kprov.kube.controller_manager.job.tracked_pods import has_finalizer

log = logging.getLogger(__name__)

#: The controller of jobs without spec.managedBy.
OWN_NAME: Final = "kubernetes.io/job-controller"


class OrphanKey(NamedTuple):
    """A pod by its name, or all pods of a job by the job's UID."""

    kind: Literal["name", "owner"]
    namespace: str
    value: str


def is_managed_by_other(job: Job) -> bool:
    return job.spec.managed_by not in {None, OWN_NAME}


class OrphanReleaser:
    """Its queue holds pods that may be orphans. Each is looked at again before its finalizer is removed."""

    def __init__(
        self,
        pods: Informer[Pod],
        pod_control: PodControl,
        queue: WorkQueue[OrphanKey],
        resolve: Callable[[str, OwnerReference], Job | None],
    ) -> None:
        self._pods = pods
        self._control = pod_control
        self._resolve = resolve
        self.queue = queue

    def add_pod(self, pod: Pod) -> None:
        self.queue.add(OrphanKey("name", pod.metadata.namespace, pod.metadata.name))

    def add_pods_of(self, job: Job) -> None:
        self.queue.add(OrphanKey("owner", job.metadata.namespace, job.metadata.uid))

    async def sync(self, key: OrphanKey) -> None:
        if key.kind == "name":
            pod = self._pods.get(key.namespace, key.value)
            if pod is not None:
                await self._release(pod)
            return
        for pod in self._pods.by_index("owner", key.value):
            try:
                await self._release(pod)
            except ApiError as error:
                log.warning("finalizer of pod %s: %s", pod.key, error)
                self.add_pod(pod)

    async def _release(self, pod: Pod) -> None:
        if not has_finalizer(pod) or not self._is_orphan(pod):
            return
        try:
            await remove_finalizer(self._control, pod)
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _is_orphan(self, pod: Pod) -> bool:
        owner = pod.metadata.controller()
        if owner is None:
            return True
        if (owner.kind, owner.api_version) != (KIND, API_VERSION):
            return False
        job = self._resolve(pod.metadata.namespace, owner)
        return job is None or (is_finished(job) and not is_managed_by_other(job))
