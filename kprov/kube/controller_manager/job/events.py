"""Which jobs an event of a pod or a job concerns (addPod, updatePod, deletePod, updateJob)."""

import time
from collections.abc import Callable
from typing import Final

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import OwnerReference
from kprov.kube.client import Informer
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller_ref_manager import parse_selector
from kprov.kube.controller_manager.framework.expectations import Expectations
from kprov.kube.controller_manager.job import metrics
from kprov.kube.controller_manager.job.conditions import is_finished
from kprov.kube.controller_manager.job.finish import compute_seconds_left
from kprov.kube.controller_manager.job.orphans import OrphanReleaser, is_managed_by_other
from kprov.kube.controller_manager.job.pods import KIND
from kprov.kube.controller_manager.job.tracked_pods import CONTROLLER_UID, has_finalizer
from kprov.kube.controller_manager.job.tracking import FinalizerExpectations

#: Changes of pods and of the status wait so long, so that one sync handles many of them.
BATCH_SECONDS: Final = 1.0


def index_by_selector(job: Job) -> list[str]:
    """Index jobs by the UID in their selector, or "manual/NAMESPACE"."""
    uid = job.spec.selector.match_labels.get(CONTROLLER_UID) if job.spec.selector else None
    return [uid] if uid and not job.spec.manual_selector else [f"manual/{job.metadata.namespace}"]


def index_orphans(pod: Pod) -> list[str]:
    """Index pods without a controller by the label that jobs select, or by "none/NAMESPACE"."""
    if pod.metadata.controller() is not None:
        return []
    return [pod.metadata.labels.get(CONTROLLER_UID) or f"none/{pod.metadata.namespace}"]


class JobEvents:
    """Handlers of the informers. A pod finds its job by its owner reference or its labels, without a scan."""

    def __init__(
        self,
        jobs: Informer[Job],
        expectations: Expectations,
        finalizers: FinalizerExpectations,
        orphans: OrphanReleaser,
        enqueue_after: Callable[[str, float], None],
    ) -> None:
        self._jobs = jobs
        self._expectations = expectations
        self._finalizers = finalizers
        self._orphans = orphans
        self._enqueue_after = enqueue_after

    def handle_job_add(self, job: Job) -> None:
        self._enqueue_after(job.key, 0)
        if is_managed_by_other(job):
            metrics.EXTERNALLY_MANAGED.labels(job.spec.managed_by).inc()

    def handle_job_update(self, old: Job, new: Job) -> None:
        if is_finished(new):
            # All finalizers should be removed by now. This finds those that are not.
            self._orphans.add_pods_of(new)
            self._enqueue_after(new.key, BATCH_SECONDS)
            return
        is_spec_changed = old.metadata.generation != new.metadata.generation
        self._enqueue_after(new.key, 0 if is_spec_changed else BATCH_SECONDS)
        left = compute_seconds_left(new, time.time())
        if left is not None and old.spec.active_deadline_seconds != new.spec.active_deadline_seconds:
            self._enqueue_after(new.key, max(left, 0))

    def handle_job_delete(self, job: Job) -> None:
        self._enqueue_after(job.key, 0)
        self._orphans.add_pods_of(job)

    def handle_pod_add(self, pod: Pod) -> None:
        _count_tracked(None, pod)
        if pod.metadata.deletion_timestamp:
            self._handle_deletion(pod, is_final=False)
            return
        owner = pod.metadata.controller()
        if owner is None:
            self._handle_orphan(pod)
        elif job := self.resolve(pod.metadata.namespace, owner):
            self._expectations.observe_creation(job.key)
            self._enqueue_after(job.key, BATCH_SECONDS)

    def handle_pod_update(self, old: Pod, new: Pod) -> None:
        _count_tracked(old, new)
        if new.metadata.deletion_timestamp:
            self._handle_deletion(new, is_final=False)
            return
        was, owner = old.metadata.controller(), new.metadata.controller()
        for reference in (was if was != owner else None, owner):
            job = self.resolve(new.metadata.namespace, reference) if reference else None
            if job is not None:
                if not has_finalizer(new):
                    self._finalizers.observe(job.key, new.metadata.uid)
                self._enqueue_after(job.key, BATCH_SECONDS)
        if owner is None and (was is not None or old.metadata.labels != new.metadata.labels):
            self._handle_orphan(new)
        elif owner is None and has_finalizer(new):
            self._orphans.add_pod(new)

    def handle_pod_delete(self, pod: Pod) -> None:
        _count_tracked(pod, None)
        self._handle_deletion(pod, is_final=True)

    def resolve(self, namespace: str, owner: OwnerReference) -> Job | None:
        """Return the job of an owner reference."""
        job = self._jobs.get(namespace, owner.name) if owner.kind == KIND else None
        return job if job is not None and job.metadata.uid == owner.uid else None

    def _handle_deletion(self, pod: Pod, *, is_final: bool) -> None:
        """Sync the job of a pod that is gone, or will be: it may replace the pod now."""
        owner = pod.metadata.controller()
        job = self.resolve(pod.metadata.namespace, owner) if owner else None
        if job is None or is_finished(job):
            if has_finalizer(pod) and not is_final:
                self._orphans.add_pod(pod)
            return
        self._expectations.observe_deletion(job.key, pod.metadata.uid)
        if is_final or not has_finalizer(pod):
            self._finalizers.observe(job.key, pod.metadata.uid)
        self._enqueue_after(job.key, BATCH_SECONDS)

    def _handle_orphan(self, pod: Pod) -> None:
        """Sync the jobs that select a pod without a controller: they may adopt it."""
        if has_finalizer(pod):
            self._orphans.add_pod(pod)
        namespace, uid = pod.metadata.namespace, pod.metadata.labels.get(CONTROLLER_UID)
        candidates = self._jobs.by_index("selector", f"manual/{namespace}")
        if uid:
            candidates += self._jobs.by_index("selector", uid)
        for job in candidates:
            if job.metadata.namespace == namespace and parse_selector(job.spec.selector).matches(
                pod.metadata.labels
            ):
                self._enqueue_after(job.key, BATCH_SECONDS)


def _count_tracked(old: Pod | None, new: Pod | None) -> None:
    """Count ended pods that get or lose their finalizer."""
    was, is_ = (
        pod is not None and pod_conditions.is_terminal(pod) and has_finalizer(pod) for pod in (old, new)
    )
    if was != is_:
        metrics.TRACKED_PODS.labels("add" if is_ else "delete").inc()
