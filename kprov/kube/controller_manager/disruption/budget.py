"""Computes a budget's status from the budget and its pods. Functions of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.deployment.rolling import scale_value
from kprov.kube.machinery import timestamps

# Seconds after which an evicted pod that is not deleted counts as staying (DeletionTimeout).
DELETION_SECONDS: Final = 120.0
# Seconds after which a pod that is not deleted loses its DisruptionTarget.
STALE_SECONDS: Final = 120.0
ALLOWED: Final = "DisruptionAllowed"
TARGET: Final = "DisruptionTarget"
BY_KUBELET: Final = "TerminationByKubelet"


@dataclass(frozen=True)
class Evicted:
    """disruptedPods: deletions that are expected, pods that stayed, seconds until the next check."""

    awaited: dict[str, str]
    stayed: list[Pod]
    again: float | None


def find_evicted(pdb: PodDisruptionBudget, pods: Sequence[Pod], now: float) -> Evicted:
    """Sort status.disruptedPods at Unix time `now`. Pods that are deleted or being deleted are left out."""
    awaited: dict[str, str] = {}
    stayed: list[Pod] = []
    left: list[float] = []
    for pod in pods:
        since = pdb.status.disrupted_pods.get(pod.metadata.name)
        if since is None or pod.metadata.deletion_timestamp:
            continue
        remaining = timestamps.seconds(since) + DELETION_SECONDS - now
        if remaining < 0:
            stayed.append(pod)
        else:
            awaited[pod.metadata.name] = since
            left.append(remaining)
    return Evicted(awaited, stayed, min(left, default=None))


def count_healthy(pods: Sequence[Pod], awaited: dict[str, str]) -> int:
    """Ready pods that are not going to be deleted."""
    return sum(
        pod_conditions.is_ready(pod)
        and not pod.metadata.deletion_timestamp
        and pod.metadata.name not in awaited
        for pod in pods
    )


def needs_scale(pdb: PodDisruptionBudget) -> bool:
    """Whether the expected number of pods is the controllers' replicas, not the existing pods."""
    return pdb.spec.max_unavailable is not None or isinstance(pdb.spec.min_available, str)


def compute_desired(pdb: PodDisruptionBudget, expected: int) -> int:
    """How many of the expected pods must be healthy."""
    if pdb.spec.max_unavailable is not None:
        return max(0, expected - scale_value(pdb.spec.max_unavailable, expected, up=True))
    return scale_value(pdb.spec.min_available, expected, up=True)


def make_status(
    pdb: PodDisruptionBudget, *, current: int, wanted: int, expected: int, awaited: dict[str, str], stamp: str
) -> dict[str, Any]:
    """Return the whole status document. `stamp`: now, RFC 3339."""
    # Without pods no eviction is allowed, so that new pods are safe until they are counted.
    allowed = max(0, current - wanted) if expected > 0 else 0
    generation = pdb.metadata.generation
    reason = "SufficientPods" if allowed else "InsufficientPods"
    condition = _condition(pdb, "True" if allowed else "False", reason, "", generation, stamp)
    return {
        "currentHealthy": current,
        "desiredHealthy": wanted,
        "expectedPods": expected,
        "disruptionsAllowed": allowed,
        "disruptedPods": awaited,
        "observedGeneration": generation,
        "conditions": condition,
    }


def is_current(pdb: PodDisruptionBudget, document: dict[str, Any]) -> bool:
    """Whether the server has that status. Of conditions, only status and reason are compared."""
    known = pdb.status
    conditions = {
        condition["type"]: (condition["status"], condition["reason"]) for condition in document["conditions"]
    }
    return {
        "currentHealthy": known.current_healthy,
        "desiredHealthy": known.desired_healthy,
        "expectedPods": known.expected_pods,
        "disruptionsAllowed": known.disruptions_allowed,
        "disruptedPods": known.disrupted_pods,
        "observedGeneration": known.observed_generation,
        "conditions": {
            condition.type: (condition.status, condition.reason) for condition in known.conditions
        },
    } == {**document, "conditions": conditions}


def make_failed_status(pdb: PodDisruptionBudget, why: str, stamp: str) -> dict[str, Any]:
    """Return the status for a budget that cannot be computed: no eviction is allowed."""
    observed = pdb.status.observed_generation
    conditions = _condition(pdb, "False", "SyncFailed", why, observed, stamp)
    return {"disruptionsAllowed": 0, "conditions": conditions}


def get_seconds_until_stale(pod: Pod, now: float) -> float | None:
    """Seconds until the pod's DisruptionTarget is stale, 0 if it is. None if it cannot become stale."""
    mark = pod_conditions.find_condition(pod, TARGET)
    if mark is None or mark.status != "True" or mark.reason == BY_KUBELET:
        return None
    if pod.metadata.deletion_timestamp or pod_conditions.is_terminal(pod):
        return None
    since = timestamps.seconds(mark.last_transition_time) if mark.last_transition_time else 0.0
    return max(0.0, since + STALE_SECONDS - now)


def _condition(
    pdb: PodDisruptionBudget, value: str, reason: str, message: str, generation: int, stamp: str
) -> list[dict[str, Any]]:
    """All conditions with this one. It keeps its transition time if its status did not change."""
    old = next((condition for condition in pdb.status.conditions if condition.type == ALLOWED), None)
    changed = stamp if old is None or old.status != value else old.last_transition_time
    new = {
        "type": ALLOWED,
        "status": value,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": changed,
    }
    if old is None:
        return [*(msgspec.to_builtins(condition) for condition in pdb.status.conditions), new]
    return [
        new if condition is old else msgspec.to_builtins(condition) for condition in pdb.status.conditions
    ]
