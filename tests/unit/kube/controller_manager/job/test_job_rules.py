"""Back-off, policies, counts and the end of jobs, with plain objects."""

from typing import Any

import pytest

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.job.backoff import Backoff, compute_index_wait, get_finish_time
from kprov.kube.controller_manager.job.conditions import make_condition, set_condition
from kprov.kube.controller_manager.job.failure_policy import match_failure_policy
from kprov.kube.controller_manager.job.finish import compute_seconds_left, find_end, has_completed
from kprov.kube.controller_manager.job.pod_template import add_index, build_template, make_name_prefix
from kprov.kube.controller_manager.job.state import JobState, compute_state
from kprov.kube.controller_manager.job.tracked_pods import choose_pods_to_delete, order_for_deletion
from kprov.kube.controller_manager.ttl_after_finished import compute_seconds_left as compute_ttl_left
from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.controller_manager.job.pods import NOW, make_job, make_pod

STAMP = "2026-01-01T12:00:00Z"


def compute(job: Job, *pods: Pod) -> JobState:
    return compute_state(job, pods, frozenset(), Backoff())


def find_reason(job: Job, *pods: Pod) -> tuple[str, str] | None:
    end = find_end(compute(job, *pods), NOW, STAMP)
    return None if end is None else (end.type, end.reason)


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 0), (1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (100, 600)]
)
def test_back_off_doubles_up_to_ten_minutes(failures: int, wait: float) -> None:
    assert Backoff(failures, NOW).compute_wait(NOW) == wait
    assert Backoff(failures, NOW - wait).compute_wait(NOW) == 0


def test_a_success_forgets_the_failures_before_it() -> None:
    early, late = "2026-01-01T11:00:00Z", "2026-01-01T11:30:00Z"
    failed = [make_pod("a", "Failed", code=1, finished=early), make_pod("b", "Failed", code=1, finished=late)]
    succeeded = [make_pod("c", "Succeeded", code=0, finished="2026-01-01T11:10:00Z")]
    assert Backoff(4, 1.0).count_ended([], failed).failures == 6
    assert Backoff(4, 1.0).count_ended(succeeded, failed) == Backoff(1, get_finish_time(failed[1]))
    assert Backoff(4, 1.0).count_ended(succeeded, []) == Backoff()


def test_an_index_waits_for_its_own_failures() -> None:
    assert compute_index_wait(None, NOW) == 0
    assert compute_index_wait(make_pod("a", "Failed", index=0, code=1, failures=1), NOW) == 15


def test_a_deleted_pod_without_containers_ended_when_its_deletion_was_asked_for() -> None:
    assert get_finish_time(make_pod("a", deleted=True)) == NOW - 2 - 30


EXIT_42 = {"operator": "In", "values": [42]}


@pytest.mark.parametrize(
    ("rule", "pod", "action"),
    [
        ({"onExitCodes": EXIT_42}, {"code": 42}, "FailJob"),
        ({"onExitCodes": EXIT_42}, {"code": 1}, ""),
        ({"onExitCodes": {"operator": "NotIn", "values": [42]}}, {"code": 1}, "FailJob"),
        ({"onExitCodes": {"operator": "NotIn", "values": [42]}}, {"code": 0}, ""),
        ({"onExitCodes": EXIT_42 | {"containerName": "other"}}, {"code": 42}, ""),
        ({"onExitCodes": EXIT_42 | {"containerName": "c"}}, {"code": 42}, "FailJob"),
        (
            {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"conditions": [{"type": "DisruptionTarget", "status": "True"}]},
            "FailJob",
        ),
        (
            {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"conditions": [{"type": "DisruptionTarget", "status": "False"}]},
            "",
        ),
    ],
)
def test_rules_of_the_pod_failure_policy(rule: JsonObject, pod: dict[str, Any], action: str) -> None:
    policy = {"rules": [rule | {"action": "FailJob"}]}
    assert match_failure_policy(policy, make_pod("a", "Failed", **pod)).action == action


def test_the_first_matching_rule_decides() -> None:
    rules = [{"action": "Ignore", "onExitCodes": EXIT_42}, {"action": "FailJob", "onExitCodes": EXIT_42}]
    match = match_failure_policy({"rules": rules}, make_pod("a", "Failed", code=42))
    assert (match.action, match.counts) == ("Ignore", False)


def test_ended_pods_count_once() -> None:
    status = {"failed": 1, "uncountedTerminatedPods": {"failed": ["b"]}}
    state = compute(
        make_job(status=status),
        make_pod("a", "Failed", code=1),
        make_pod("b", "Failed", code=1),
        make_pod("c", "Failed", code=1, tracked=False),
        make_pod("d", "Succeeded", code=0),
        make_pod("e", deleted=True),
    )
    # a and e are new, b is named by the status, the status counts c already.
    assert (state.failed, state.succeeded, state.terminating) == (4, 1, 1)


def test_with_the_policy_failed_a_terminating_pod_is_no_failure() -> None:
    job = make_job(podReplacementPolicy="Failed")
    assert compute(job, make_pod("a", deleted=True)).failed == 0


def test_indexes_of_pods_are_added_to_those_of_the_status() -> None:
    job = make_job(completionMode="Indexed", completions=5, status={"completedIndexes": "0,1"})
    pods = [make_pod("a", "Succeeded", index=2), make_pod("b", "Succeeded", index=7), make_pod("c", index=3)]
    state = compute(job, *pods)
    assert (str(state.succeeded_indexes), state.succeeded) == ("0-2", 3)


def test_the_last_failed_pod_of_an_index_waits_for_its_replacement() -> None:
    job = make_job(completionMode="Indexed", completions=4, backoffLimitPerIndex=1)
    state = compute(
        job,
        make_pod("a", "Failed", index=0, code=1),
        make_pod("b", "Failed", index=1, code=1, failures=1),
        make_pod("c", "Failed", index=2, code=1),
        make_pod("d", index=2, failures=1),
    )
    assert str(state.failed_indexes) == "1"
    assert {index: pod.metadata.name for index, pod in state.replaceable.items()} == {0: "a"}


FAILED = [make_pod(name, "Failed", code=1) for name in "ab"]


@pytest.mark.parametrize(
    ("spec", "pods", "expected"),
    [
        ({"backoffLimit": 2}, FAILED, None),
        ({"backoffLimit": 1}, FAILED, ("FailureTarget", "BackoffLimitExceeded")),
        (
            {
                "podFailurePolicy": {
                    "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]
                }
            },
            FAILED,
            ("FailureTarget", "PodFailurePolicy"),
        ),
        (
            {"completionMode": "Indexed", "backoffLimitPerIndex": 0, "maxFailedIndexes": 0, "completions": 9},
            [make_pod("a", "Failed", index=0, code=1)],
            ("FailureTarget", "MaxFailedIndexesExceeded"),
        ),
        (
            {"completionMode": "Indexed", "backoffLimitPerIndex": 0},
            [make_pod("a", "Failed", index=0, code=1), make_pod("b", "Succeeded", index=1)],
            ("FailureTarget", "FailedIndexes"),
        ),
        (
            {"completionMode": "Indexed", "successPolicy": {"rules": [{"succeededCount": 1}]}},
            [make_pod("b", "Succeeded", index=1)],
            ("SuccessCriteriaMet", "SuccessPolicy"),
        ),
    ],
)
def test_how_a_job_ends(spec: JsonObject, pods: list[Pod], expected: tuple[str, str] | None) -> None:
    assert find_reason(make_job(**spec), *pods) == expected


def test_a_decided_outcome_stays() -> None:
    target = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}
    assert find_reason(make_job(status={"conditions": [target]})) == ("Failed", "DeadlineExceeded")
    met = {"type": "SuccessCriteriaMet", "status": "True", "reason": "SuccessPolicy"}
    job = make_job(backoffLimit=0, status={"conditions": [met]})
    assert find_reason(job, *FAILED) == ("SuccessCriteriaMet", "SuccessPolicy")


def test_the_deadline_counts_from_the_start_while_not_suspended() -> None:
    status = {"startTime": "2026-01-01T11:59:00Z"}
    job = make_job(activeDeadlineSeconds=60, status=status)
    assert find_reason(job) == ("FailureTarget", "DeadlineExceeded")
    assert compute_seconds_left(make_job(activeDeadlineSeconds=90, status=status), NOW) == 30
    assert compute_seconds_left(make_job(activeDeadlineSeconds=90, suspend=True, status=status), NOW) is None


def test_without_completions_one_success_is_enough() -> None:
    work_queue = compute(make_job(completions=None), make_pod("a", "Succeeded"), make_pod("b"))
    assert not has_completed(work_queue, active=1)
    assert has_completed(work_queue, active=0)
    assert not has_completed(compute(make_job(), make_pod("a", "Succeeded")), active=0)


def test_pods_that_have_done_least_are_deleted_first() -> None:
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": STAMP}]
    pods = [
        make_pod("ready", conditions=ready),
        make_pod("running"),
        make_pod("pending", "Pending"),
        make_pod("unscheduled", "Pending", node=""),
    ]
    assert [pod.metadata.name for pod in order_for_deletion(pods)] == [
        "unscheduled",
        "pending",
        "running",
        "ready",
    ]


def test_pods_with_a_repeated_or_wrong_index_are_deleted() -> None:
    job = make_job(completionMode="Indexed", completions=3)
    pods = [
        make_pod("a", index=0),
        make_pod("b", "Pending", index=0),
        make_pod("c", index=1),
        make_pod("d", index=3),
        make_pod("e"),
    ]
    assert {pod.metadata.name for pod in choose_pods_to_delete(job, pods, 0)} == {"b", "d", "e"}


def test_template_of_an_indexed_pod() -> None:
    job = make_job(completionMode="Indexed", backoffLimitPerIndex=2)
    replaced = make_pod("a", "Failed", index=1, code=1, failures=1)
    template = add_index(build_template(job), job, 1, replaced)
    key = "batch.kubernetes.io/job-completion-index"
    assert template["metadata"]["labels"] == {key: "1"}
    assert template["metadata"]["annotations"] == {
        key: "1",
        "batch.kubernetes.io/job-index-failure-count": "2",
    }
    assert template["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    assert template["spec"]["hostname"] == "j-1"
    assert "finalizers" not in job.spec.template["metadata"]


def test_long_names_leave_place_for_the_index() -> None:
    job = make_job()
    job.metadata.name = "x" * 63
    prefix = make_name_prefix(job, 12)
    assert len(prefix) == 58
    assert prefix.endswith("x-12-")


def test_a_condition_is_not_added_as_false() -> None:
    found: list[Any] = []
    assert not set_condition(found, make_condition("Suspended", "JobResumed", "", STAMP, status="False"))
    assert set_condition(found, make_condition("Suspended", "JobSuspended", "", STAMP))
    assert not set_condition(found, make_condition("Suspended", "JobSuspended", "", "later"))
    assert set_condition(found, make_condition("Suspended", "JobResumed", "", STAMP, status="False"))
    assert [each.status for each in found] == ["False"]


def test_only_finished_jobs_with_a_ttl_expire() -> None:
    done = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": STAMP}]}
    assert compute_ttl_left(make_job(ttlSecondsAfterFinished=30, status=done), NOW + 10) == 20
    assert compute_ttl_left(make_job(status=done), NOW) is None
    assert compute_ttl_left(make_job(ttlSecondsAfterFinished=30), NOW) is None
