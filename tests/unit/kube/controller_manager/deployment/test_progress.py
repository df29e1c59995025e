"""Conditions of deployments."""

from kprov.kube.api.apps import Deployment, ReplicaSet
from kprov.kube.api.meta import Condition
from kprov.kube.controller_manager.deployment import progress
from kprov.kube.machinery import timestamps

NOW = "2026-01-01T00:10:00Z"
UNIX = timestamps.seconds(NOW)


def rollout(replicas: int, available: int) -> tuple[Deployment, ReplicaSet]:
    owner, new = Deployment(), ReplicaSet()
    owner.metadata.name, new.metadata.name = "web", "web-1"
    owner.spec.replicas = new.spec.replicas = replicas
    owner.spec.progress_deadline_seconds = 600
    new.status.replicas = replicas
    new.status.available_replicas = new.status.ready_replicas = available
    return owner, new


def judged(owner: Deployment, new: ReplicaSet, known: list[Condition] | None = None) -> progress.Conditions:
    conditions = progress.Conditions(known or [], NOW)
    status = progress.count_replicas(owner, [new], new)
    progress.compute_availability(owner, status, conditions)
    progress.compute_progress(owner, status, conditions, [new], new, UNIX)
    return conditions


def reason(conditions: progress.Conditions, kind: str) -> str:
    found = conditions.get(kind)
    return f"{found.status} {found.reason}" if found else ""


def test_a_finished_rollout_is_available_and_progressed() -> None:
    conditions = judged(*rollout(3, 3))
    assert reason(conditions, "Available") == "True MinimumReplicasAvailable"
    assert reason(conditions, "Progressing") == "True NewReplicaSetAvailable"


def test_a_rollout_under_way_says_so_and_keeps_its_transition_time() -> None:
    begun = Condition(
        type="Progressing", status="True", reason="NewReplicaSetCreated", last_transition_time="earlier"
    )
    conditions = judged(*rollout(3, 1), [begun])
    assert reason(conditions, "Available") == "False MinimumReplicasUnavailable"
    found = conditions.get("Progressing")
    assert found is not None
    assert (found.reason, found.last_transition_time, found.last_update_time) == (
        "ReplicaSetUpdated",
        "earlier",
        NOW,
    )


def test_no_progress_within_the_deadline_is_a_failure() -> None:
    owner, new = rollout(3, 0)
    owner.status.replicas = owner.status.updated_replicas = 3
    stuck = Condition(
        type="Progressing",
        status="True",
        reason="ReplicaSetUpdated",
        last_update_time="2026-01-01T00:00:00Z",
    )
    new.status.replicas = 3
    owner.spec.progress_deadline_seconds = 599
    assert reason(judged(owner, new, [stuck]), "Progressing") == "False ProgressDeadlineExceeded"
    owner.spec.progress_deadline_seconds = 601
    assert reason(judged(owner, new, [stuck]), "Progressing") == "True ReplicaSetUpdated"


def test_a_deployment_has_the_failure_condition_of_its_replica_set() -> None:
    owner, new = rollout(1, 0)
    new.status.conditions = [Condition(type="ReplicaFailure", status="True", reason="FailedCreate")]
    assert reason(judged(owner, new), "ReplicaFailure") == "True FailedCreate"
