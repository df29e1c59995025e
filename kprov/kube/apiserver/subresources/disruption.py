"""What a PodDisruptionBudget says to the eviction of one pod: values in, values out.

Source: upstream pkg/registry/core/pod/storage/eviction.go (checkAndDecrement, canIgnorePDB).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kprov.kube.apiserver.subresources.conditions import find_condition, set_condition
from kprov.kube.machinery import status, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

#: Evictions that the disruption controller has not confirmed yet; more are refused.
MAX_DISRUPTED_PODS: Final = 2000
_VIOLATES: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_RESOURCE: Final = "poddisruptionbudget.policy"


def is_unprotected(pod: JsonObject) -> bool:
    """Ended, not yet running, or going away: no budget counts it."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in {"Succeeded", "Failed", "Pending"} or bool(pod["metadata"].get("deletionTimestamp"))


def is_terminal(pod: JsonObject) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase in {"Succeeded", "Failed"} or bool(pod["metadata"].get("deletionTimestamp"))


def select_budgets(pod: JsonObject, budgets: Iterable[JsonObject]) -> list[JsonObject]:
    """The budgets (all of the pod's namespace) that select the pod; wrong selectors select nothing."""
    labels = pod["metadata"].get("labels") or {}
    found = []
    for budget in budgets:
        try:
            selector = LabelSelector.from_object((budget.get("spec") or {}).get("selector"))
        except SelectorError:
            continue
        if selector.matches(labels):
            found.append(budget)
    return found


def allows_unhealthy_eviction(pod: JsonObject, budget: JsonObject) -> bool:
    """Whether an unready pod may go without using up the budget."""
    ready = find_condition(pod.get("status") or {}, "Ready")
    if ready is not None and ready.get("status") == "True":
        return False
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    found = budget.get("status") or {}
    desired = found.get("desiredHealthy") or 0
    return desired > 0 and (found.get("currentHealthy") or 0) >= desired


def decrement_budget(budget: JsonObject, pod_name: str) -> JsonObject:
    """The budget with one disruption less, changed in place. TooManyRequests, Forbidden."""
    metadata, found = budget["metadata"], budget.setdefault("status", {})
    name = metadata["name"]
    if (found.get("observedGeneration") or 0) < (metadata.get("generation") or 0):
        raise still_processing_error(name)
    allowed = found.get("disruptionsAllowed") or 0
    if allowed < 0:
        raise status.forbidden(_RESOURCE, name, "pdb disruptions allowed is negative")
    if len(found.get("disruptedPods") or {}) > MAX_DISRUPTED_PODS:
        text = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise status.forbidden(_RESOURCE, name, text)
    if allowed == 0:
        raise _too_many_requests(0, _describe_refusal(name, found))
    found["disruptionsAllowed"] = allowed - 1
    if allowed == 1:
        set_condition(
            found,
            {
                "type": "DisruptionAllowed",
                "status": "False",
                "reason": "InsufficientPods",
                "message": "",
                "observedGeneration": found.get("observedGeneration") or 0,
            },
        )
    found["disruptedPods"] = (found.get("disruptedPods") or {}) | {pod_name: timestamps.now()}
    return budget


def still_processing_error(name: str) -> status.StatusError:
    """The budget's numbers are older than its wish, or than the pod: try again in 10 s."""
    return _too_many_requests(10, f"The disruption budget {name} is still being processed by the server.")


def _too_many_requests(seconds: int, cause: str) -> status.StatusError:
    details = {
        "retryAfterSeconds": seconds,
        "causes": [{"reason": "DisruptionBudget", "message": cause}],
    }
    return status.failure(429, "TooManyRequests", _VIOLATES, details)


def _describe_refusal(name: str, found: JsonObject) -> str:
    condition = find_condition(found, "DisruptionAllowed") or {}
    message = condition.get("message") if condition.get("status") == "False" else None
    healthy, desired = found.get("currentHealthy") or 0, found.get("desiredHealthy") or 0
    if message and condition.get("reason") == "SyncFailed":
        return (
            f"The disruption budget {name} does not allow evicting pods currently because it failed sync: "
            f"{message}"
        )
    if healthy <= desired:
        return f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    text = f"The disruption budget {name} does not allow evicting pods currently"
    return f"{text} ({condition.get('reason', '')}): {message}" if message else text
