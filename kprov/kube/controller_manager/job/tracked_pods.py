"""What a pod tells about its job: the tracking finalizer, its index, its failures (indexed_job_utils.go)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.component_helpers.restarts import count_most_restarts
from kprov.kube.machinery import timestamps

#: Keeps an ended pod until its job has counted it.
FINALIZER: Final = "batch.kubernetes.io/job-tracking"
CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"
#: Annotation and label of pods of indexed jobs.
COMPLETION_INDEX: Final = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES: Final = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES: Final = "batch.kubernetes.io/job-index-ignored-failure-count"
REMOVE_FINALIZER: Final = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}

_PHASE: Final = {"Pending": 0, "Unknown": 1, "Running": 2}
_INT32_MAX: Final = 2**31 - 1


def has_finalizer(pod: Pod) -> bool:
    return FINALIZER in pod.metadata.finalizers


def is_indexed(job: Job) -> bool:
    return job.spec.completion_mode == "Indexed"


def is_suspended(job: Job) -> bool:
    return bool(job.spec.suspend)


def replaces_only_failed_pods(job: Job) -> bool:
    """Whether a terminating pod is replaced only after it has failed."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def is_failed(pod: Pod, job: Job) -> bool:
    """Whether the pod failed. A deleted pod counts too, as an orphan of a lost node never reports a phase."""
    if pod.status.phase == "Failed" or replaces_only_failed_pods(job):
        return pod.status.phase == "Failed"
    return bool(pod.metadata.deletion_timestamp) and pod.status.phase != "Succeeded"


def is_terminating(pod: Pod) -> bool:
    return bool(pod.metadata.deletion_timestamp) and not pod_conditions.is_terminal(pod)


def get_completion_index(pod: Pod) -> int | None:
    """Return the index of the pod. None if it has none or a wrong one."""
    text = pod.metadata.annotations.get(COMPLETION_INDEX, "").removeprefix("+")
    return int(text) if text.isascii() and text.isdigit() else None


def get_valid_index(pod: Pod, job: Job) -> int | None:
    """Return the index of the pod if it is below the job's completions."""
    index = get_completion_index(pod)
    return index if index is not None and index < (job.spec.completions or 0) else None


def list_indexes(pods: Iterable[Pod]) -> set[int]:
    return {index for pod in pods if (index := get_completion_index(pod)) is not None}


def get_failures(pod: Pod) -> tuple[int, int]:
    """How many pods of the index failed before this pod: counted and ignored ones."""
    annotations = pod.metadata.annotations
    return _read_count(annotations, INDEX_FAILURES), _read_count(annotations, INDEX_IGNORED_FAILURES)


def _read_count(annotations: dict[str, str], key: str) -> int:
    text = annotations.get(key, "")
    return min(int(text), _INT32_MAX) if text.isascii() and text.isdigit() and len(text) < 11 else 0


def order_for_deletion(pods: Iterable[Pod]) -> list[Pod]:
    """Active pods, first those whose loss costs least (ActivePods)."""
    return sorted(pods, key=_rank)


def _rank(pod: Pod) -> tuple[Any, ...]:
    ready = pod_conditions.find_condition(pod, "Ready")
    is_ready = ready is not None and ready.status == "True"
    restarts, sidecar_restarts = count_most_restarts(pod)
    return (
        bool(pod.spec.node_name),
        _PHASE.get(pod.status.phase, 0),
        is_ready,
        _rank_time(ready.last_transition_time) if ready is not None and is_ready else 0.0,
        -restarts,
        -sidecar_restarts,
        _rank_time(pod.metadata.creation_timestamp),
    )


def _rank_time(text: str | None) -> float:
    """Newer times and unknown ones come first."""
    return -timestamps.seconds(text) if text else -float("inf")


def choose_pods_to_delete(job: Job, active: Sequence[Pod], at_least: int) -> list[Pod]:
    """At least so many pods. Of indexed jobs also pods without a valid index, and all but one per index."""
    chosen: list[Pod] = []
    rest = list(active)
    if is_indexed(job):
        by_index: dict[int | None, list[Pod]] = {}
        for pod in active:
            by_index.setdefault(get_valid_index(pod, job), []).append(pod)
        chosen = by_index.pop(None, [])
        rest = []
        for _, pods in sorted(by_index.items(), key=lambda item: item[0] or 0):
            *surplus, last = order_for_deletion(pods)
            chosen += surplus
            rest.append(last)
    if len(chosen) < at_least:
        chosen += order_for_deletion(rest)[: at_least - len(chosen)]
    return chosen
