"""When a job ends, and how (the order of the checks is that of syncJob)."""

from typing import Final

from kprov.kube.api.batch import Job
from kprov.kube.api.meta import Condition
from kprov.kube.controller_manager.job import conditions, failure_policy
from kprov.kube.controller_manager.job.conditions import make_condition
from kprov.kube.controller_manager.job.failure_policy import match_failure_policy
from kprov.kube.controller_manager.job.state import JobState
from kprov.kube.controller_manager.job.success_policy import match_success_policy
from kprov.kube.controller_manager.job.tracked_pods import is_failed, is_indexed, is_suspended
from kprov.kube.machinery import timestamps

REACHED: Final = ("CompletionsReached", "Reached expected number of succeeded pods")


def find_end(state: JobState, now: float, stamp: str) -> Condition | None:
    """Return the condition that ends the job before all its pods have succeeded. None if it goes on.

    `now` is Unix time, `stamp` the same as RFC 3339.
    """
    job = state.job
    if met := conditions.find_true_condition(job, conditions.SUCCESS_CRITERIA_MET):
        return met
    if target := conditions.find_true_condition(job, conditions.FAILURE_TARGET):
        return make_condition(conditions.FAILED, target.reason, target.message, stamp)
    if failure := _find_failure(state, now):
        return make_condition(conditions.FAILURE_TARGET, *failure, stamp)
    if is_indexed(job):
        completions = job.spec.completions or 0
        if message := match_success_policy(job.spec.success_policy, completions, state.succeeded_indexes):
            return make_condition(conditions.SUCCESS_CRITERIA_MET, "SuccessPolicy", message, stamp)
    return None


def _find_failure(state: JobState, now: float) -> tuple[str, str] | None:
    """Reason and message of a failure."""
    job = state.job
    for pod in state.pods if job.spec.pod_failure_policy is not None else ():
        if is_failed(pod, job):
            match = match_failure_policy(job.spec.pod_failure_policy, pod)
            if match.action == failure_policy.FAIL_JOB:
                return "PodFailurePolicy", match.message
    if state.failed > (job.spec.backoff_limit or 0) or _restarts_too_often(state):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    left = compute_seconds_left(job, now)
    if left is not None and left <= 0:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    return _find_failed_indexes(state)


def _find_failed_indexes(state: JobState) -> tuple[str, str] | None:
    job, failed = state.job, state.failed_indexes
    if failed is None or not len(failed):
        return None
    if job.spec.max_failed_indexes is not None and len(failed) > job.spec.max_failed_indexes:
        message = "Job has exceeded the specified maximal number of failed indexes"
        return "MaxFailedIndexesExceeded", message
    if len(failed) + len(state.succeeded_indexes) >= (job.spec.completions or 0):
        return "FailedIndexes", "Job has failed indexes"
    return None


def _restarts_too_often(state: JobState) -> bool:
    """Whether containers of running pods have restarted too often, with restartPolicy OnFailure."""
    job = state.job
    if (job.spec.template.get("spec") or {}).get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for pod in state.pods
        if pod.status.phase in {"Running", "Pending"}
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    limit = job.spec.backoff_limit or 0
    return restarts >= limit if limit else restarts > 0


def compute_seconds_left(job: Job, now: float) -> float | None:
    """Seconds until activeDeadlineSeconds have passed. None without a deadline, and while suspended."""
    deadline = job.spec.active_deadline_seconds
    if deadline is None or not job.status.start_time or is_suspended(job):
        return None
    return deadline - (now - timestamps.seconds(job.status.start_time))


def has_completed(state: JobState, active: int) -> bool:
    """Whether enough pods have succeeded and none is active."""
    completions = state.job.spec.completions
    # Without completions the first success completes the job, as soon as the other pods have ended.
    return active == 0 and (state.succeeded > 0 if completions is None else state.succeeded >= completions)
