"""Upstream's conformance entries of jobs."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import MERGE, eventually, merge, ok, watching
from tests.apiserver.fake_kubelet import Exit
from tests.apiserver.workloads.conftest import Home
from tests.apiserver.workloads.jobs import (
    FINALIZER,
    LONG_AGO,
    build_job,
    check_released,
    fail_indexes,
    get_index,
    list_pods,
    wait_for_end,
    wait_for_running,
)

_FAKE = "kubelet: a fake one reports the pods"


@pytest.mark.entry(
    "Job should allow to use the pod failure policy on exit code to fail the job early", without=_FAKE
)
def test_pod_failure_policy_fails_the_job_by_exit_code(home: Home) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    policy = {"rules": [rule]}
    home.create("jobs", build_job("fail", command="exit 42", backoffLimit=3, podFailurePolicy=policy))
    status = wait_for_end(home, "fail", "Failed", "PodFailurePolicy")
    assert status["failed"] == 1
    assert "exit code 42 matching FailJob rule at index 0" in status["conditions"][-1]["message"]
    check_released(home, "fail")


@pytest.mark.entry(
    "Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition",
    without=_FAKE,
)
def test_pod_failure_policy_ignores_disruptions(home: Home) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    seen: set[str] = set()

    def disrupt_first(pod: JsonObject) -> Exit:
        first = not seen or pod["metadata"]["uid"] in seen
        seen.add(pod["metadata"]["uid"])
        return Exit(137, LONG_AGO, ("DisruptionTarget",)) if first else Exit(0)

    home.kubelet.behave(home.name, disrupt_first)
    home.create("jobs", build_job("disrupted", backoffLimit=0, podFailurePolicy={"rules": [rule]}))
    status = wait_for_end(home, "disrupted", "Complete", "CompletionsReached")
    assert len(seen) == 2
    assert status.get("failed", 0) == 0


@pytest.mark.entry(
    "Job should create pods for an Indexed job with completion indexes and specified hostname", without=_FAKE
)
def test_indexed_job_gives_pods_an_index_and_a_host_name(home: Home) -> None:
    home.create(
        "jobs", build_job("all", command="exit 0", completions=4, parallelism=2, completionMode="Indexed")
    )
    status = wait_for_end(home, "all", "Complete", "CompletionsReached")
    assert (status["succeeded"], status["completedIndexes"]) == (4, "0-3")
    pods = sorted(list_pods(home, "all"), key=get_index)
    assert [pod["spec"]["hostname"] for pod in pods] == ["all-0", "all-1", "all-2", "all-3"]
    assert all(pod["metadata"]["name"].startswith(f"all-{at}-") for at, pod in enumerate(pods))
    (variable,) = pods[0]["spec"]["containers"][0]["env"]
    assert variable["name"] == "JOB_COMPLETION_INDEX"
    assert "job-completion-index" in variable["valueFrom"]["fieldRef"]["fieldPath"]


@pytest.mark.entry("Job with successPolicy should succeeded when all indexes succeeded", without=_FAKE)
def test_success_policy_is_met_when_all_indexes_succeed(home: Home) -> None:
    policy = {"rules": [{"succeededIndexes": "0-1"}]}
    spec: JsonObject = {
        "completions": 2,
        "parallelism": 2,
        "completionMode": "Indexed",
        "successPolicy": policy,
    }
    home.create("jobs", build_job("both", command="exit 0", **spec))
    status = wait_for_end(home, "both", "Complete", "SuccessPolicy")
    assert status["completedIndexes"] == "0,1"


def run_until_first_index_succeeds(home: Home, rule: JsonObject) -> JsonObject:
    """A job whose index 0 succeeds while the others run on."""
    home.kubelet.behave(home.name, lambda pod: Exit(0) if get_index(pod) == 0 else None)
    spec: JsonObject = {"completions": 4, "parallelism": 2, "completionMode": "Indexed"}
    home.create("jobs", build_job("first", successPolicy={"rules": [rule]}, **spec))
    return wait_for_end(home, "first", "Complete", "SuccessPolicy")


@pytest.mark.entry(
    "Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending",
    without=_FAKE,
)
def test_success_policy_by_indexes(home: Home) -> None:
    status = run_until_first_index_succeeds(home, {"succeededIndexes": "0"})
    assert (status["completedIndexes"], status.get("active", 0)) == ("0", 0)
    check_released(home, "first")


@pytest.mark.entry(
    "Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending",
    without=_FAKE,
)
def test_success_policy_by_count(home: Home) -> None:
    status = run_until_first_index_succeeds(home, {"succeededCount": 1})
    assert (status["completedIndexes"], status["terminating"]) == ("0", 0)


@pytest.mark.entry(
    "Job should execute all indexes despite some failing when using backoffLimitPerIndex", without=_FAKE
)
def test_backoff_limit_per_index_runs_all_indexes(home: Home) -> None:
    home.kubelet.behave(home.name, fail_indexes(0, 2))
    spec: JsonObject = {
        "completions": 4,
        "parallelism": 2,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 1,
    }
    home.create("jobs", build_job("some", **spec))
    status = wait_for_end(home, "some", "Failed", "FailedIndexes")
    assert (status["failedIndexes"], status["completedIndexes"]) == ("0,2", "1,3")
    assert (status["failed"], status["succeeded"]) == (4, 2)


@pytest.mark.entry(
    "Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes",
    without=_FAKE,
)
def test_too_many_failed_indexes_end_the_job(home: Home) -> None:
    home.kubelet.behave(home.name, fail_indexes(0, 2))
    spec: JsonObject = {
        "completions": 4,
        "parallelism": 1,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 0,
    }
    home.create("jobs", build_job("few", maxFailedIndexes=0, **spec))
    status = wait_for_end(home, "few", "Failed", "MaxFailedIndexesExceeded")
    assert (status["failed"], status["failedIndexes"]) == (1, "0")


@pytest.mark.entry(
    "Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy",
    without=_FAKE,
)
def test_fail_index_action_fails_the_index_at_once(home: Home) -> None:
    home.kubelet.behave(home.name, fail_indexes(0, code=42))
    rule = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}
    spec: JsonObject = {
        "completions": 2,
        "parallelism": 2,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 3,
    }
    home.create("jobs", build_job("index", podFailurePolicy={"rules": [rule]}, **spec))
    status = wait_for_end(home, "index", "Failed", "FailedIndexes")
    assert (status["failedIndexes"], status["completedIndexes"]) == ("0", "1")
    assert (status["failed"], status["succeeded"]) == (1, 1)


@pytest.mark.entry(
    "Job should run a job to completion when tasks sometimes fail and are locally restarted", without=_FAKE
)
def test_locally_restarted_tasks_run_to_completion(home: Home) -> None:
    seen: dict[str, int] = {}

    def fail_once(pod: JsonObject) -> Exit:
        uid = pod["metadata"]["uid"]
        seen[uid] = seen.get(uid, 0) + 1
        return Exit(0 if seen[uid] > 1 else 1)

    home.kubelet.behave(home.name, fail_once)
    home.create("jobs", build_job("restarted", restart="OnFailure", completions=4, parallelism=2))
    status = wait_for_end(home, "restarted", "Complete", "CompletionsReached")
    assert (status["succeeded"], status.get("failed", 0)) == (4, 0)
    assert len(seen) == 4


@pytest.mark.entry("Job should delete a job", without=_FAKE)
def test_job_is_deleted_with_its_pods(home: Home) -> None:
    home.create("jobs", build_job("foo", completions=4, parallelism=2))
    wait_for_running(home, "foo", 2)
    home.delete("jobs", "foo", "Foreground")
    eventually(lambda: not home.exists("jobs", "foo"))
    assert not list_pods(home, "foo")


@pytest.mark.entry("Job should adopt matching orphans and release non-matching pods", without=_FAKE)
def test_job_adopts_orphans_and_releases_pods_that_do_not_match(home: Home) -> None:
    uid = home.create("jobs", build_job("adopt", completions=4, parallelism=2))["metadata"]["uid"]
    name = wait_for_running(home, "adopt", 2)[0]["metadata"]["name"]
    home.merge("pods", name, {"metadata": {"ownerReferences": None}})

    def list_owners() -> list[str]:
        return [each["uid"] for each in home.get("pods", name)["metadata"].get("ownerReferences", ())]

    eventually(lambda: list_owners() == [uid])
    assert home.get("pods", name)["metadata"]["finalizers"] == [FINALIZER]
    home.merge("pods", name, {"metadata": {"labels": None}})
    eventually(lambda: list_owners() == [])
    eventually(lambda: "finalizers" not in home.get("pods", name)["metadata"])


@pytest.mark.entry("Job should apply changes to a job status", without=_FAKE)
def test_changes_of_a_running_jobs_status_stay(home: Home) -> None:
    home.create("jobs", build_job("status", completions=4, parallelism=2))
    wait_for_running(home, "status", 2)
    path = f"{home.path('jobs', 'status')}/status"
    start = "2020-01-02T03:04:05Z"
    eventually(lambda: home.get("jobs", "status")["status"].get("active") == 2)
    patch: JsonObject = {"metadata": {"annotations": {"patchedstatus": "true"}}}
    assert merge(home.server, path, patch)["metadata"]["annotations"]["patchedstatus"] == "true"
    # The server holds the start of a running job; only a suspended one may get another.
    refused = home.server.ask("PATCH", path, {"status": {"startTime": start}}, content_type=MERGE)
    assert refused.status == 422
    job = ok(home.server, "GET", path)
    job["status"]["conditions"] = [{"type": "StatusUpdate", "status": "True", "reason": "E2E"}]
    updated = ok(home.server, "PUT", path, job)
    assert updated["status"]["conditions"][0]["reason"] == "E2E"
    name = list_pods(home, "status")[0]["metadata"]["name"]
    home.kubelet.finish(home.name, name)
    eventually(lambda: home.get("jobs", "status")["status"].get("succeeded") == 1)
    kinds = [each["type"] for each in home.get("jobs", "status")["status"]["conditions"]]
    assert "StatusUpdate" in kinds


@pytest.mark.entry("Job should manage the lifecycle of a job", without=_FAKE)
def test_job_lifecycle(home: Home) -> None:
    label = f"e2e-job-label={home.name}"
    jobs = home.path("jobs")
    with watching(home.server, jobs, labelSelector=label) as watch:
        job = build_job("life", command="exit 0", completions=4, parallelism=2, suspend=True)
        job["metadata"]["labels"] = {"e2e-job-label": home.name}
        home.create("jobs", job)
        home.wait_for_reason("life", "Suspended")
        home.merge("jobs", "life", {"metadata": {"labels": {"life": "patched"}}})

        def resume() -> bool:
            found = home.get("jobs", "life")
            found["spec"]["suspend"] = False
            found["metadata"].setdefault("annotations", {})["updated"] = "true"
            return home.server.ask("PUT", home.path("jobs", "life"), found).status == 200

        eventually(resume)
        status = wait_for_end(home, "life", "Complete", "CompletionsReached")
        assert status["succeeded"] == 4
        ok(home.server, "DELETE", f"{jobs}?labelSelector={label}", {"propagationPolicy": "Background"})
        last = watch.until("DELETED", "life")
        assert last["metadata"]["labels"]["life"] == "patched"
        assert last["metadata"]["annotations"]["updated"] == "true"
    eventually(lambda: not home.list("pods"))
