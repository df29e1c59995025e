"""Creates and deletes the pods of jobs (manageJob)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.client import ApiError, reference
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference
from kprov.kube.controller_manager.framework.expectations import Expectations
from kprov.kube.controller_manager.framework.pod_control import PodControl
from kprov.kube.controller_manager.job import metrics
from kprov.kube.controller_manager.job.backoff import compute_index_wait
from kprov.kube.controller_manager.job.indexes import IndexRanges
from kprov.kube.controller_manager.job.pod_template import add_index, build_template, make_name_prefix
from kprov.kube.controller_manager.job.state import JobState
from kprov.kube.controller_manager.job.tracked_pods import (
    REMOVE_FINALIZER,
    choose_pods_to_delete,
    has_finalizer,
    is_indexed,
    is_suspended,
    is_terminating,
    list_indexes,
    replaces_only_failed_pods,
)

#: The most pods that one sync creates or deletes.
MAX_PODS_PER_SYNC: Final = 500
API_VERSION: Final = "batch/v1"
KIND: Final = "Job"


@dataclass(frozen=True, slots=True)
class Result:
    """What a sync did. active: the pods that are active now. action: a label of the metrics."""

    active: int
    action: str
    error: Exception | None = None


class JobPods:
    """Brings the number of active pods to what the job wants. It respects the back-off."""

    def __init__(
        self,
        pod_control: PodControl,
        expectations: Expectations,
        enqueue_after: Callable[[str, float], None],
    ) -> None:
        self._control = pod_control
        self._expectations = expectations
        self._enqueue_after = enqueue_after

    async def manage(self, state: JobState) -> Result:
        """Delete surplus pods, else create missing pods. Changes the counts of the state."""
        job = state.job
        active = len(state.active)
        if is_suspended(job):
            return await self._delete(state, choose_pods_to_delete(job, state.active, active))
        wanted = _count_wanted(state)
        surplus = choose_pods_to_delete(job, state.active, max(active - wanted, 0))
        if surplus:
            return await self._delete(state, surplus[:MAX_PODS_PER_SYNC])
        terminating = state.terminating if replaces_only_failed_pods(job) else 0
        missing = wanted - terminating - active
        if missing > 0:
            return await self._create(state, min(missing, MAX_PODS_PER_SYNC))
        return Result(active, "tracking")

    async def delete_active(self, state: JobState) -> tuple[int, Exception | None]:
        """Delete the active pods of a job that has ended. They keep their finalizers until they are counted.

        Returns how many were deleted.
        """
        owner = reference(state.job, API_VERSION, KIND)
        results = await asyncio.gather(
            *(self._control.delete(pod, owner) for pod in state.active), return_exceptions=True
        )
        errors = [result for result in results if isinstance(result, Exception) and not _is_not_found(result)]
        _count_deleted(state, state.active, len(state.active) - len(errors))
        return len(state.active) - len(errors), _first(errors)

    async def _delete(self, state: JobState, pods: Sequence[Pod]) -> Result:
        """Delete pods that do not count as failures."""
        key = state.job.key
        self._expectations.expect_deletions(key, (pod.metadata.uid for pod in pods))
        results = await asyncio.gather(
            *(self._delete_uncounted(state.job, pod) for pod in pods), return_exceptions=True
        )
        errors: list[Exception] = []
        for pod, result in zip(pods, results, strict=True):
            if isinstance(result, Exception):
                self._expectations.observe_deletion(key, pod.metadata.uid)
                if not _is_not_found(result):
                    errors.append(result)
        _count_deleted(state, pods, len(pods) - len(errors))
        return Result(len(state.active) - len(pods) + len(errors), "pods_deleted", _first(errors))

    async def _delete_uncounted(self, job: Job, pod: Pod) -> None:
        if has_finalizer(pod):
            await remove_finalizer(self._control, pod)
        await self._control.delete(pod, reference(job, API_VERSION, KIND))

    async def _create(self, state: JobState, count: int) -> Result:
        job, active = state.job, len(state.active)
        now = time.time()
        wait = 0.0 if job.spec.backoff_limit_per_index is not None else state.backoff.compute_wait(now)
        indexes: list[int] | list[None] = [None] * count
        if wait <= 0 and is_indexed(job):
            indexes, wait = _find_indexes(state, count, now)
        if wait > 0:
            self._enqueue_after(job.key, wait)
            return Result(active, "pods_created")
        self._expectations.expect_creations(job.key, len(indexes))
        created, error = await self._create_slowly(state, indexes)
        return Result(active + created, "pods_created", error)

    async def _create_slowly(
        self, state: JobState, indexes: Sequence[int | None]
    ) -> tuple[int, Exception | None]:
        """Create one pod first and then twice as many each time, so that what cannot work fails once.

        Returns how many were created.
        """
        template = build_template(state.job)
        done, batch = 0, 1
        failures: list[Exception] = []
        while done < len(indexes) and not failures:
            part = indexes[done : done + batch]
            results = await asyncio.gather(
                *(self._create_pod(state, template, index) for index in part), return_exceptions=True
            )
            failures = [result for result in results if isinstance(result, Exception)]
            done += len(part)
            batch *= 2
        created = done - len(failures)
        # The informer will never show what failed or was not tried.
        self._expectations.observe_creation(state.job.key, len(indexes) - created)
        _count_creations(state, created, len(failures))
        return created, _first([failure for failure in failures if not _is_terminating_namespace(failure)])

    async def _create_pod(self, state: JobState, template: dict[str, object], index: int | None) -> None:
        job = state.job
        prefix = ""
        if index is not None:
            template = add_index(template, job, index, state.replaceable.get(index))
            prefix = make_name_prefix(job, index)
        await self._control.create(
            job.metadata.namespace,
            template,
            reference(job, API_VERSION, KIND),
            make_controller_reference(job, API_VERSION, KIND),
            name_prefix=prefix,
        )


async def remove_finalizer(control: PodControl, pod: Pod) -> None:
    """Remove the tracking finalizer. Raises ApiError, also when the pod is gone (404)."""
    await control.pods.patch(
        pod.metadata.name,
        REMOVE_FINALIZER,
        namespace=pod.metadata.namespace,
        patch_type=STRATEGIC_MERGE_PATCH,
    )


def _count_wanted(state: JobState) -> int:
    """How many pods should be active."""
    spec = state.job.spec
    parallelism = spec.parallelism or 0
    if spec.completions is None:
        # After the first success the other pods end by themselves.
        return len(state.active) if state.succeeded else parallelism
    return max(min(spec.completions - state.succeeded, parallelism), 0)


def _find_indexes(state: JobState, count: int, now: float) -> tuple[list[int], float]:
    """Return the indexes that get a pod now. Without one: the seconds until the first back-off has passed."""
    taken = state.succeeded_indexes.merge(IndexRanges.of(list_indexes(state.active)))
    if replaces_only_failed_pods(state.job):
        taken = taken.merge(IndexRanges.of(list_indexes(filter(is_terminating, state.pods))))
    if state.failed_indexes is not None:
        taken = taken.merge(state.failed_indexes)
    missing = taken.find_missing(count, state.job.spec.completions or 0)
    if state.failed_indexes is None:
        return missing, 0.0
    waits = {index: compute_index_wait(state.replaceable.get(index), now) for index in missing}
    ready = [index for index, wait in waits.items() if wait <= 0]
    return ready, 0.0 if ready or not waits else min(waits.values())


def _count_deleted(state: JobState, pods: Sequence[Pod], deleted: int) -> None:
    state.terminating += deleted
    state.ready -= sum(map(pod_conditions.is_ready, pods))


def _count_creations(state: JobState, created: int, failed: int) -> None:
    reason = "new"
    if state.job.spec.pod_replacement_policy == "Failed" and state.failed:
        reason = "recreate_failed"
    elif state.failed or state.terminating:
        reason = "recreate_terminating_or_failed"
    for status, count in (("succeeded", created), ("failed", failed)):
        if count:
            metrics.PODS_CREATED.labels(reason, status).inc(count)


def _is_not_found(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.is_not_found


def _is_terminating_namespace(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.is_namespace_terminating


def _first(errors: Sequence[Exception]) -> Exception | None:
    return errors[0] if errors else None
