"""Conditions of jobs (pkg/controller/job/util)."""

from typing import Final, Literal

from kprov.kube.api.batch import Job
from kprov.kube.api.meta import Condition

COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
#: Interim conditions: the outcome is decided, but pods still terminate.
SUCCESS_CRITERIA_MET: Final = "SuccessCriteriaMet"
FAILURE_TARGET: Final = "FailureTarget"
SUSPENDED: Final = "Suspended"


def make_condition(
    kind: str, reason: str, message: str, stamp: str, *, status: Literal["True", "False"] = "True"
) -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_probe_time=stamp,
        last_transition_time=stamp,
    )


def find_true_condition(job: Job, *kinds: str) -> Condition | None:
    """Return the first condition of one of these types that is True."""
    return next(
        (
            condition
            for condition in job.status.conditions
            if condition.type in kinds and condition.status == "True"
        ),
        None,
    )


def find_finished_condition(job: Job) -> Condition | None:
    """Return the condition Complete or Failed that ends the job."""
    return find_true_condition(job, COMPLETE, FAILED)


def is_finished(job: Job) -> bool:
    return find_finished_condition(job) is not None


def set_condition(conditions: list[Condition], new: Condition) -> bool:
    """Add or replace a condition in the list. Returns whether the list changed.

    A False condition only replaces another one: a job that was never suspended has no condition Suspended.
    """
    for at, old in enumerate(conditions):
        if old.type == new.type:
            if (old.status, old.reason, old.message) == (new.status, new.reason, new.message):
                return False
            conditions[at] = new
            return True
    if new.status == "False":
        return False
    conditions.append(new)
    return True
