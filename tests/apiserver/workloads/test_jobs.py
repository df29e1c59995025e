"""Jobs beyond upstream's conformance entries."""

from __future__ import annotations

import time

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.fake_kubelet import Exit
from tests.apiserver.workloads.conftest import Home
from tests.apiserver.workloads.jobs import (
    FINALIZER,
    LONG_AGO,
    build_job,
    check_released,
    find_condition,
    get_index,
    list_pods,
    wait_for_end,
    wait_for_running,
)

_QUIET_SECONDS = 2.0


def get_status(home: Home, job: str) -> JsonObject:
    return dict(home.get("jobs", job)["status"])


def test_a_failed_pod_is_replaced_after_its_back_off(home: Home) -> None:
    """The first failure is just now, so that the next pod waits for 10 seconds."""
    created: list[float] = []

    def fail_first(pod: JsonObject) -> Exit:
        created.append(time.monotonic())
        return Exit(1 if len(created) == 1 else 0)

    home.kubelet.behave(home.name, fail_first)
    home.create("jobs", build_job("retry"))
    status = wait_for_end(home, "retry", "Complete", "CompletionsReached")
    assert (status["succeeded"], status["failed"]) == (1, 1)
    assert created[1] - created[0] >= 8.5
    assert "uncountedTerminatedPods" in status


def test_too_many_failures_fail_the_job(home: Home) -> None:
    home.kubelet.behave(home.name, lambda _: Exit(1, LONG_AGO))
    home.create("jobs", build_job("limit", backoffLimit=1))
    status = wait_for_end(home, "limit", "Failed", "BackoffLimitExceeded")
    assert status["failed"] == 2
    assert [each["type"] for each in status["conditions"]] == ["FailureTarget", "Failed"]
    home.wait_for_reason("limit", "BackoffLimitExceeded")
    check_released(home, "limit")


def test_the_deadline_ends_running_pods(home: Home) -> None:
    home.create("jobs", build_job("deadline", parallelism=2, completions=2, activeDeadlineSeconds=1))
    status = wait_for_end(home, "deadline", "Failed", "DeadlineExceeded")
    assert (status.get("active", 0), status["terminating"], status["failed"]) == (0, 0, 2)
    eventually(lambda: not list_pods(home, "deadline"))


def test_a_job_is_suspended_and_resumed(home: Home) -> None:
    home.create("jobs", build_job("pause", parallelism=2, completions=2))
    wait_for_running(home, "pause", 2)
    home.merge("jobs", "pause", {"spec": {"suspend": True}})
    eventually(lambda: not list_pods(home, "pause"))
    status = eventually(lambda: (got := get_status(home, "pause")).get("active", 0) == 0 and got)
    assert "startTime" not in status
    assert status.get("failed", 0) == 0
    suspended = find_condition(status, "Suspended")
    assert suspended is not None
    assert (suspended["status"], suspended["reason"]) == ("True", "JobSuspended")
    home.merge("jobs", "pause", {"spec": {"suspend": False}})
    for pod in wait_for_running(home, "pause", 2):
        home.kubelet.finish(home.name, pod["metadata"]["name"])
    status = wait_for_end(home, "pause", "Complete", "CompletionsReached")
    suspended = find_condition(status, "Suspended")
    assert suspended is not None
    assert (suspended["status"], suspended["reason"]) == ("False", "JobResumed")
    assert {"Suspended", "Resumed"} <= home.list_reasons("pause")


def test_a_terminating_pod_is_replaced_only_after_it_failed(home: Home) -> None:
    home.create("jobs", build_job("replace", podReplacementPolicy="Failed"))
    (pod,) = wait_for_running(home, "replace", 1)
    home.kubelet.hold(home.name)
    home.delete("pods", pod["metadata"]["name"])
    eventually(lambda: get_status(home, "replace").get("terminating") == 1)
    time.sleep(_QUIET_SECONDS)
    assert len(list_pods(home, "replace")) == 1
    home.kubelet.let_go(home.name)
    eventually(lambda: get_status(home, "replace").get("failed") == 1)


def test_a_terminating_pod_counts_as_failed_by_default(home: Home) -> None:
    home.create("jobs", build_job("replace"))
    (pod,) = wait_for_running(home, "replace", 1)
    home.kubelet.hold(home.name)
    home.delete("pods", pod["metadata"]["name"])
    eventually(lambda: get_status(home, "replace").get("failed") == 1)
    assert get_status(home, "replace")["terminating"] == 1
    home.kubelet.let_go(home.name)


def test_an_elastic_indexed_job_grows_and_shrinks(home: Home) -> None:
    spec: JsonObject = {"parallelism": 2, "completions": 2, "completionMode": "Indexed"}
    home.create("jobs", build_job("elastic", **spec))
    wait_for_running(home, "elastic", 2)
    home.merge("jobs", "elastic", {"spec": {"parallelism": 4, "completions": 4}})
    pods = wait_for_running(home, "elastic", 4)
    assert sorted(map(get_index, pods)) == [0, 1, 2, 3]
    home.merge("jobs", "elastic", {"spec": {"parallelism": 1, "completions": 1}})
    (pod,) = wait_for_running(home, "elastic", 1)
    assert get_index(pod) == 0
    home.kubelet.finish(home.name, pod["metadata"]["name"])
    assert wait_for_end(home, "elastic", "Complete", "CompletionsReached")["completedIndexes"] == "0"


def test_parallelism_without_completions_ends_after_the_first_success(home: Home) -> None:
    home.create("jobs", build_job("queue", parallelism=2))
    first, second = wait_for_running(home, "queue", 2)
    home.kubelet.finish(home.name, first["metadata"]["name"])
    eventually(lambda: get_status(home, "queue").get("succeeded") == 1)
    assert find_condition(get_status(home, "queue"), "Complete") is None
    home.kubelet.finish(home.name, second["metadata"]["name"])
    assert wait_for_end(home, "queue", "Complete", "CompletionsReached")["succeeded"] == 2


def test_another_manager_keeps_the_controller_away(home: Home) -> None:
    home.create("jobs", build_job("other", command="exit 0", managedBy="example.com/queue"))
    home.create("jobs", build_job("own", command="exit 0"))
    wait_for_end(home, "own", "Complete", "CompletionsReached")
    assert not list_pods(home, "other")
    assert get_status(home, "other") == {}


def test_orphaned_pods_lose_their_finalizer(home: Home) -> None:
    home.create("jobs", build_job("orphan"))
    (pod,) = wait_for_running(home, "orphan", 1)
    assert pod["metadata"]["finalizers"] == [FINALIZER]
    home.delete("jobs", "orphan", "Orphan")
    eventually(lambda: "finalizers" not in home.get("pods", pod["metadata"]["name"])["metadata"])


def test_a_finished_job_is_deleted_after_its_ttl(home: Home) -> None:
    home.create("jobs", build_job("ttl", command="exit 0", ttlSecondsAfterFinished=1))
    home.create("jobs", build_job("kept", command="exit 0", ttlSecondsAfterFinished=3600))
    eventually(lambda: not home.exists("jobs", "ttl"))
    eventually(lambda: not list_pods(home, "ttl"))
    wait_for_end(home, "kept", "Complete", "CompletionsReached")


def test_a_job_of_many_pods_counts_each_once(home: Home) -> None:
    home.create("jobs", build_job("many", command="exit 0", parallelism=40, completions=60))
    status = wait_for_end(home, "many", "Complete", "CompletionsReached")
    assert (status["succeeded"], status.get("failed", 0)) == (60, 0)
    assert len(list_pods(home, "many")) == 60
    check_released(home, "many")
