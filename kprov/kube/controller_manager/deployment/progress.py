"""Status and conditions of a deployment. Functions of values (progress.go, sync.go)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kprov.kube.api.apps import Deployment, DeploymentStatus, ReplicaSet
from kprov.kube.api.meta import Condition
from kprov.kube.controller_manager.deployment import rolling
from kprov.kube.machinery import timestamps

PROGRESSING: Final = "Progressing"
AVAILABLE: Final = "Available"
FAILURE: Final = "ReplicaFailure"

NEW_SET: Final = "NewReplicaSetCreated"
FOUND_SET: Final = "FoundNewReplicaSet"
SET_UPDATED: Final = "ReplicaSetUpdated"
SET_AVAILABLE: Final = "NewReplicaSetAvailable"
CREATE_FAILED: Final = "ReplicaSetCreateError"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"
RESUMED: Final = "DeploymentResumed"

# The API's way to say "no deadline": the largest int32.
_NO_DEADLINE: Final = 2**31 - 1


class Conditions:
    """The conditions of a deployment during a sync. `now` is RFC 3339."""

    def __init__(self, conditions: Sequence[Condition], now: str) -> None:
        self._conditions = {entry.type: entry for entry in conditions}
        self._now = now

    def get(self, kind: str) -> Condition | None:
        return self._conditions.get(kind)

    def set(self, kind: str, status: str, reason: str, message: str, *, refresh: bool = False) -> None:
        """Set a condition. The same status and reason change nothing, unless `refresh`."""
        old = self._conditions.get(kind)
        if old is not None and not refresh and (old.status, old.reason) == (status, reason):
            return
        since = old.last_transition_time if old is not None and old.status == status else self._now
        # As upstream: a changed condition moves to the end.
        self._conditions.pop(kind, None)
        self._conditions[kind] = Condition(
            type=kind,
            status=status,
            reason=reason,
            message=message,
            last_update_time=self._now,
            last_transition_time=since,
        )

    def copy_from(self, condition: Condition) -> None:
        old = self._conditions.get(condition.type)
        if old is None or (old.status, old.reason) != (condition.status, condition.reason):
            stamped = msgspec.structs.replace(condition, last_update_time=condition.last_transition_time)
            self._conditions[condition.type] = stamped

    def remove(self, kind: str) -> None:
        self._conditions.pop(kind, None)

    def document(self) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(entry) for entry in self._conditions.values()]


def has_deadline(deployment: Deployment) -> bool:
    return deployment.spec.progress_deadline_seconds not in {None, _NO_DEADLINE}


def count_replicas(
    deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet | None
) -> DeploymentStatus:
    """Return the status without conditions."""
    available = sum(rs.status.available_replicas for rs in sets)
    return DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=sum(rs.status.replicas for rs in sets),
        updated_replicas=new.status.replicas if new else 0,
        ready_replicas=sum(rs.status.ready_replicas for rs in sets),
        available_replicas=available,
        unavailable_replicas=max(0, rolling.sum_replicas(sets) - available),
        terminating_replicas=sum(rs.status.terminating_replicas or 0 for rs in sets),
        collision_count=deployment.status.collision_count,
    )


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    wanted = deployment.spec.replicas
    return (
        status.updated_replicas == status.replicas == status.available_replicas == wanted
        and status.observed_generation >= deployment.metadata.generation
    )


def compute_availability(deployment: Deployment, status: DeploymentStatus, conditions: Conditions) -> None:
    """Set the condition Available."""
    enough = deployment.spec.replicas - rolling.get_max_unavailable(deployment)
    if status.available_replicas >= enough:
        conditions.set(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        text = "Deployment does not have minimum availability."
        conditions.set(AVAILABLE, "False", "MinimumReplicasUnavailable", text)


def compute_progress(
    deployment: Deployment,
    status: DeploymentStatus,
    conditions: Conditions,
    sets: Sequence[ReplicaSet],
    new: ReplicaSet | None,
    now: float,
) -> None:
    """Set the conditions of a rollout: Progressing and ReplicaFailure. `now` is Unix time."""
    _compute_progress(deployment, status, conditions, new, now)
    failure = _find_failure(sets, new)
    if failure is not None:
        conditions.copy_from(failure)
    else:
        conditions.remove(FAILURE)


def _compute_progress(
    deployment: Deployment,
    status: DeploymentStatus,
    conditions: Conditions,
    new: ReplicaSet | None,
    now: float,
) -> None:
    if not has_deadline(deployment):
        conditions.remove(PROGRESSING)
        return
    known = conditions.get(PROGRESSING)
    if status.replicas == status.updated_replicas and known and known.reason == SET_AVAILABLE:
        return
    name = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'
    if is_complete(deployment, status):
        conditions.set(PROGRESSING, "True", SET_AVAILABLE, f"{name} has successfully progressed.")
    elif _has_progressed(deployment.status, status):
        conditions.set(PROGRESSING, "True", SET_UPDATED, f"{name} is progressing.", refresh=True)
    elif _has_timed_out(deployment, known, now):
        conditions.set(PROGRESSING, "False", TIMED_OUT, f"{name} has timed out progressing.")


def _has_progressed(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    return (
        after.updated_replicas > before.updated_replicas
        or after.replicas - after.updated_replicas < before.replicas - before.updated_replicas
        or after.ready_replicas > before.ready_replicas
        or after.available_replicas > before.available_replicas
    )


def _has_timed_out(deployment: Deployment, known: Condition | None, now: float) -> bool:
    if known is None or known.reason == SET_AVAILABLE:
        return False
    if known.reason == TIMED_OUT:
        return True
    return (seconds_to_deadline(deployment, known, now) or 0) < 0


def seconds_to_deadline(deployment: Deployment, known: Condition | None, now: float) -> float | None:
    """Seconds until the progress deadline. None if there is none."""
    deadline = deployment.spec.progress_deadline_seconds
    if known is None or deadline is None or not has_deadline(deployment) or not known.last_update_time:
        return None
    return timestamps.seconds(known.last_update_time) + deadline - now


def _find_failure(sets: Sequence[ReplicaSet], new: ReplicaSet | None) -> Condition | None:
    for rs in (*([new] if new else []), *sets):
        for entry in rs.status.conditions:
            if entry.type == FAILURE:
                return entry
    return None


def make_document(status: DeploymentStatus) -> dict[str, Any]:
    """Return the counts for a patch, with zeros."""
    return {
        "observedGeneration": status.observed_generation,
        "replicas": status.replicas,
        "updatedReplicas": status.updated_replicas,
        "readyReplicas": status.ready_replicas,
        "availableReplicas": status.available_replicas,
        "unavailableReplicas": status.unavailable_replicas,
        "terminatingReplicas": status.terminating_replicas or 0,
    }
