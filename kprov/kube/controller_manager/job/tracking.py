"""Counts ended pods in the status and lets them go (trackJobStatusAndRemoveFinalizers).

A crash may interrupt each of the four steps of an ended pod: the status names its UID, the pod loses its
finalizer, the counter of the status takes it over, and the UID leaves the status.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kprov.kube.api.batch import Job, JobStatus
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Condition
from kprov.kube.client import ApiError, EventRecorder, reference
from kprov.kube.controller_manager.framework.pod_control import PodControl
from kprov.kube.controller_manager.job import conditions, metrics
from kprov.kube.controller_manager.job.backoff import Backoff
from kprov.kube.controller_manager.job.conditions import make_condition, set_condition
from kprov.kube.controller_manager.job.failure_policy import match_failure_policy
from kprov.kube.controller_manager.job.indexes import IndexRanges
from kprov.kube.controller_manager.job.pods import API_VERSION, KIND, remove_finalizer
from kprov.kube.controller_manager.job.state import JobState, get_uncounted
from kprov.kube.controller_manager.job.tracked_pods import (
    get_completion_index,
    get_valid_index,
    is_failed,
    is_indexed,
)

#: The most UIDs in status.uncountedTerminatedPods, which keeps it below 20 KB.
MAX_UNCOUNTED: Final = 500


class FinalizerExpectations:
    """UIDs of pods whose finalizer is removed, until the informer shows it."""

    def __init__(self) -> None:
        self._uids: dict[str, set[str]] = {}

    def get(self, key: str) -> frozenset[str]:
        return frozenset(self._uids.get(key, ()))

    def expect(self, key: str, uid: str) -> None:
        self._uids.setdefault(key, set()).add(uid)

    def observe(self, key: str, uid: str) -> None:
        if (uids := self._uids.get(key)) is not None:
            uids.discard(uid)
            if not uids:
                del self._uids[key]

    def forget(self, key: str) -> None:
        self._uids.pop(key, None)


class StatusTracker:
    """Writes the status of jobs.

    update_status stores the status and returns the stored job. backoffs: by the key of the job.
    """

    def __init__(
        self,
        pod_control: PodControl,
        recorder: EventRecorder,
        finalizers: FinalizerExpectations,
        backoffs: dict[str, Backoff],
        update_status: Callable[[Job], Awaitable[Job]],
    ) -> None:
        self._control = pod_control
        self._recorder = recorder
        self._finalizers = finalizers
        self._backoffs = backoffs
        self._update_status = update_status

    async def track(self, state: JobState, stamp: str, *, is_changed: bool) -> bool:
        """Write the status in steps and remove finalizers. Returns whether the job is finished now.

        is_changed: the status has changed already. Raises ApiError and TransportError.
        """
        before = copy.deepcopy(state.job.status)
        waiting = {pod.metadata.uid for pod in state.pods if state.is_tracked(pod)}
        is_changed |= _count_released(state.job, waiting)
        ended = _add_uncounted(state)
        _set_indexes(state)
        end = _set_interim_condition(state, stamp)
        is_changed |= state.job.status != before
        if is_changed:
            state.job = await self._store(state.job, before)
            # Only now is it sure that the next sync does not count these failures again.
            self._backoffs[state.job.key] = state.backoff
            before = copy.deepcopy(state.job.status)
        for action, count in ended.actions.items():
            metrics.POLICY_FAILURES.labels(action).inc(count)
        released, error = await self._remove_finalizers(state.job.key, ended.pods)
        is_changed = _count_released(state.job, waiting - released)
        is_finished = error is None and not ended.is_full and end is not None and _can_finish(state)
        if is_finished and end is not None:
            set_condition(state.job.status.conditions, end)
            if end.type == conditions.COMPLETE:
                state.job.status.completion_time = end.last_transition_time
            is_changed = True
        if is_changed:
            state.job = await self._store(state.job, before)
        if error is not None:
            raise error
        if is_finished and end is not None:
            self._report_finished(state.job, end.type == conditions.COMPLETE, end.reason, end.message)
        return is_finished

    async def _store(self, job: Job, before: JobStatus) -> Job:
        stored = await self._update_status(job)
        _count_finished_pods(stored, before)
        return stored

    async def _remove_finalizers(self, key: str, pods: Sequence[Pod]) -> tuple[set[str], Exception | None]:
        """Return the UIDs of the pods that have no finalizer any more, and the first error."""
        results = await asyncio.gather(
            *(self._remove_finalizer(key, pod) for pod in pods), return_exceptions=True
        )
        released, error = set(), None
        for pod, result in zip(pods, results, strict=True):
            if isinstance(result, Exception):
                error = error or result
            else:
                released.add(pod.metadata.uid)
        return released, error

    async def _remove_finalizer(self, key: str, pod: Pod) -> None:
        uid = pod.metadata.uid
        self._finalizers.expect(key, uid)
        try:
            await remove_finalizer(self._control, pod)
        except Exception as error:
            self._finalizers.observe(key, uid)
            if not (isinstance(error, ApiError) and error.is_not_found):
                raise

    def _report_finished(self, job: Job, is_complete: bool, reason: str, message: str) -> None:
        owner = reference(job, API_VERSION, KIND)
        if not is_complete:
            self._recorder.event(owner, "Warning", reason, message)
        else:
            if job.spec.completions is not None and job.status.succeeded > job.spec.completions:
                text = "Too many succeeded pods running after completion count reached"
                self._recorder.event(owner, "Warning", "TooManySucceededPods", text)
            self._recorder.event(owner, "Normal", "Completed", "Job completed")
        result = "succeeded" if is_complete else "failed"
        metrics.FINISHED.labels(job.spec.completion_mode or "NonIndexed", result, reason).inc()


def _count_released(job: Job, waiting: set[str]) -> bool:
    """Count the uncounted pods that have lost their finalizer. Returns whether the status changed."""
    uncounted, status = get_uncounted(job), job.status
    succeeded = [uid for uid in uncounted.succeeded if uid in waiting]
    failed = [uid for uid in uncounted.failed if uid in waiting]
    status.succeeded += len(uncounted.succeeded) - len(succeeded)
    status.failed += len(uncounted.failed) - len(failed)
    is_changed = (succeeded, failed) != (uncounted.succeeded, uncounted.failed)
    uncounted.succeeded, uncounted.failed = succeeded, failed
    return is_changed


@dataclass(slots=True)
class _Ended:
    """Ended pods of a sync."""

    #: Pods that may lose their finalizer.
    pods: list[Pod] = field(default_factory=list)
    #: Actions of the pod failure policy.
    actions: Counter[str] = field(default_factory=Counter)
    #: Indexes that the status does not have yet.
    indexes: set[int] = field(default_factory=set)
    #: Whether the status has no place for more. The next sync counts the other pods.
    is_full: bool = False


def _add_uncounted(state: JobState) -> _Ended:
    """Name ended pods in the status."""
    uncounted = get_uncounted(state.job)
    ended = _Ended()
    for pod in sorted(state.pods, key=_sort_index) if is_indexed(state.job) else state.pods:
        if not state.is_tracked(pod) or not _may_release(state, pod):
            continue
        ended.pods.append(pod)
        if pod.metadata.uid not in state.uncounted_failed:
            if pod.status.phase == "Succeeded":
                _add_succeeded(state, pod, ended)
            elif _counts_as_failed(state, pod):
                _add_failed(state, pod, ended)
        if len(ended.indexes) + len(uncounted.succeeded) + len(uncounted.failed) >= MAX_UNCOUNTED:
            ended.is_full = True
            break
    return ended


def _add_succeeded(state: JobState, pod: Pod, ended: _Ended) -> None:
    if not is_indexed(state.job):
        if pod.metadata.uid not in state.uncounted:
            get_uncounted(state.job).succeeded.append(pod.metadata.uid)
        return
    # The index in the status is enough to count the pod once.
    index = get_valid_index(pod, state.job)
    if index is not None and index not in state.counted_indexes:
        ended.indexes.add(index)


def _add_failed(state: JobState, pod: Pod, ended: _Ended) -> None:
    match = match_failure_policy(state.job.spec.pod_failure_policy, pod)
    if match.action:
        ended.actions[match.action] += 1
    if match.counts:
        get_uncounted(state.job).failed.append(pod.metadata.uid)


def _sort_index(pod: Pod) -> int:
    index = get_completion_index(pod)
    return -1 if index is None else index


def _may_release(state: JobState, pod: Pod) -> bool:
    """Whether the pod may lose its finalizer (canRemoveFinalizer)."""
    if state.job.metadata.deletion_timestamp or state.end is not None or pod.status.phase == "Succeeded":
        return True
    if not is_failed(pod, state.job):
        return False
    index = get_completion_index(pod)
    last = None if index is None else state.replaceable.get(index)
    return last is None or last.metadata.uid != pod.metadata.uid


def _counts_as_failed(state: JobState, pod: Pod) -> bool:
    if is_indexed(state.job) and get_valid_index(pod, state.job) is None:
        return False
    # When a job fails, each pod that has not ended counts as failed.
    has_failed = state.end is not None and state.end.type != conditions.SUCCESS_CRITERIA_MET
    return is_failed(pod, state.job) or has_failed


def _set_indexes(state: JobState) -> None:
    if is_indexed(state.job):
        status = state.job.status
        status.succeeded = len(state.succeeded_indexes)
        status.completed_indexes = str(state.succeeded_indexes)
        status.failed_indexes = None if state.failed_indexes is None else str(state.failed_indexes)


def _set_interim_condition(state: JobState, stamp: str) -> Condition | None:
    """Write the interim condition, and return the condition that finishes the job after it."""
    end = state.end
    if end is None:
        return None
    if end.type == conditions.FAILURE_TARGET:
        state.job.status.conditions.append(end)
        return make_condition(conditions.FAILED, end.reason, end.message, stamp)
    if end.type == conditions.SUCCESS_CRITERIA_MET:
        if conditions.find_true_condition(state.job, conditions.SUCCESS_CRITERIA_MET) is None:
            state.job.status.conditions.append(end)
        return make_condition(conditions.COMPLETE, end.reason, end.message, stamp)
    return end


def _can_finish(state: JobState) -> bool:
    uncounted = get_uncounted(state.job)
    return not uncounted.succeeded and not uncounted.failed and state.terminating <= 0


def _count_finished_pods(job: Job, before: JobStatus) -> None:
    mode = job.spec.completion_mode or "NonIndexed"
    succeeded = job.status.succeeded - before.succeeded
    if is_indexed(job):
        scope = "global" if job.spec.backoff_limit_per_index is None else "perIndex"
        succeeded = _count_new(job, job.status.completed_indexes, before.completed_indexes)
        failed = _count_new(job, job.status.failed_indexes, before.failed_indexes)
        metrics.INDEXES_FINISHED.labels("succeeded", scope).inc(max(succeeded, 0))
        metrics.INDEXES_FINISHED.labels("failed", scope).inc(max(failed, 0))
    metrics.PODS_FINISHED.labels(mode, "succeeded").inc(max(succeeded, 0))
    metrics.PODS_FINISHED.labels(mode, "failed").inc(max(job.status.failed - before.failed, 0))


def _count_new(job: Job, now: str | None, before: str | None) -> int:
    completions = job.spec.completions or 0
    return len(IndexRanges.parse(now or "", completions)) - len(IndexRanges.parse(before or "", completions))


def copy_job(job: Job) -> Job:
    """Return a job whose status may be changed. Its metadata and spec are those of the shared object."""
    return msgspec.structs.replace(job, status=copy.deepcopy(job.status))
