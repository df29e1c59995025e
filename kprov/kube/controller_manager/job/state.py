"""What one sync knows of a job: its pods, their counts and indexes."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from kprov.kube.api.batch import Job, UncountedTerminatedPods
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Condition
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.job import failure_policy
from kprov.kube.controller_manager.job.backoff import Backoff, get_finish_time
from kprov.kube.controller_manager.job.failure_policy import match_failure_policy
from kprov.kube.controller_manager.job.indexes import IndexRanges
from kprov.kube.controller_manager.job.tracked_pods import (
    get_failures,
    get_valid_index,
    has_finalizer,
    is_failed,
    is_indexed,
    is_terminating,
    list_indexes,
)


@dataclass(slots=True)
class JobState:
    """A job, whose status the sync changes, with its pods. Computed by `compute_state`."""

    job: Job
    pods: list[Pod]
    active: list[Pod]
    #: UIDs of pods whose finalizer is removed already, though the informer has not shown it.
    removed_finalizers: AbstractSet[str]
    #: UIDs of ended pods that the status names and does not count yet.
    uncounted: AbstractSet[str]
    uncounted_failed: AbstractSet[str]
    succeeded: int = 0
    failed: int = 0
    ready: int = 0
    terminating: int = 0
    backoff: Backoff = field(default_factory=Backoff)
    #: Indexes by the status, and with those of pods that have succeeded since.
    counted_indexes: IndexRanges = field(default_factory=IndexRanges)
    succeeded_indexes: IndexRanges = field(default_factory=IndexRanges)
    #: None without backoffLimitPerIndex.
    failed_indexes: IndexRanges | None = None
    #: The last failed pod of an index. It stays until a new pod has taken over its count of failures.
    replaceable: dict[int, Pod] = field(default_factory=dict)
    #: The condition that this sync ends the job with.
    end: Condition | None = None

    def is_tracked(self, pod: Pod) -> bool:
        """Whether the pod still has its finalizer, so that the status does not count it yet."""
        return has_finalizer(pod) and pod.metadata.uid not in self.removed_finalizers


def get_uncounted(job: Job) -> UncountedTerminatedPods:
    """status.uncountedTerminatedPods, which is added where it is missing."""
    if job.status.uncounted_terminated_pods is None:
        job.status.uncounted_terminated_pods = UncountedTerminatedPods(succeeded=[], failed=[])
    return job.status.uncounted_terminated_pods


def compute_state(
    job: Job, pods: Sequence[Pod], removed_finalizers: AbstractSet[str], backoff: Backoff
) -> JobState:
    """Count the pods of the job. backoff: the state before this sync."""
    uncounted = get_uncounted(job)
    active = [pod for pod in pods if pod_conditions.is_active(pod)]
    state = JobState(
        job=job,
        pods=list(pods),
        active=active,
        removed_finalizers=removed_finalizers,
        uncounted={*uncounted.succeeded, *uncounted.failed},
        uncounted_failed=set(uncounted.failed),
        ready=sum(map(pod_conditions.is_ready, active)),
        terminating=sum(map(is_terminating, pods)),
    )
    succeeded = _list_new(state, set(uncounted.succeeded), lambda pod: pod.status.phase == "Succeeded")
    failed = _list_new(state, state.uncounted_failed, lambda pod: is_failed(pod, job))
    policy = job.spec.pod_failure_policy
    state.succeeded = job.status.succeeded + len(succeeded) + len(uncounted.succeeded)
    state.failed = job.status.failed + len(uncounted.failed)
    state.failed += sum(match_failure_policy(policy, pod).counts for pod in failed)
    state.backoff = backoff.count_ended(succeeded, failed)
    if is_indexed(job):
        _add_indexes(state)
    return state


def _list_new(state: JobState, uncounted: AbstractSet[str], has_ended: Callable[[Pod], bool]) -> list[Pod]:
    """Pods that have ended since the last sync."""
    job = state.job
    return [
        pod
        for pod in state.pods
        if state.is_tracked(pod)
        and pod.metadata.uid not in uncounted
        and (not is_indexed(job) or get_valid_index(pod, job) is not None)
        and has_ended(pod)
    ]


def _add_indexes(state: JobState) -> None:
    job, completions = state.job, state.job.spec.completions or 0
    state.counted_indexes = IndexRanges.parse(job.status.completed_indexes, completions)
    state.succeeded_indexes = state.counted_indexes.merge(
        _list_tracked_indexes(state, lambda pod: pod.status.phase == "Succeeded")
    )
    state.succeeded = len(state.succeeded_indexes)
    if job.spec.backoff_limit_per_index is not None:
        counted = IndexRanges.parse(job.status.failed_indexes or "", completions)
        state.failed_indexes = counted.merge(_list_tracked_indexes(state, lambda pod: _fails_index(pod, job)))
        state.replaceable = _find_replaceable(state)


def _list_tracked_indexes(state: JobState, matches: Callable[[Pod], bool]) -> IndexRanges:
    return IndexRanges.of(
        {
            index
            for pod in state.pods
            if has_finalizer(pod) and matches(pod) and (index := get_valid_index(pod, state.job)) is not None
        }
    )


def _fails_index(pod: Pod, job: Job) -> bool:
    """Whether the failure of the pod is the last one that its index may have."""
    if not is_failed(pod, job):
        return False
    match = match_failure_policy(job.spec.pod_failure_policy, pod)
    if match.action == failure_policy.FAIL_INDEX:
        return True
    return match.counts and get_failures(pod)[0] >= (job.spec.backoff_limit_per_index or 0)


def _find_replaceable(state: JobState) -> dict[int, Pod]:
    """Return the last failed pod of each index that needs a new one (getPodsWithDelayedDeletionPerIndex)."""
    active = list_indexes(state.active)
    pods_by_index: dict[int, Pod] = {}
    for pod in state.pods:
        index = get_valid_index(pod, state.job)
        if index is None or index in active or not state.is_tracked(pod) or not is_failed(pod, state.job):
            continue
        if index in state.succeeded_indexes or index in (state.failed_indexes or ()):
            continue
        if index not in pods_by_index or _is_later(pod, pods_by_index[index]):
            pods_by_index[index] = pod
    return pods_by_index


def _is_later(pod: Pod, other: Pod) -> bool:
    return sum(get_failures(other)) <= sum(get_failures(pod)) and get_finish_time(pod) >= get_finish_time(
        other
    )
