"""Whether a PodDisruptionBudget allows the eviction of a pod.

Source: upstream pkg/registry/core/pod/storage/eviction.go (checkAndDecrement, canIgnorePDB).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kprov.kube.apiserver.subresources.conditions import find_condition, set_condition
from kprov.kube.machinery import status, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

#: The maximum number of evictions that the disruption controller has not confirmed yet.
MAX_DISRUPTED_PODS: Final = 2000
_VIOLATES: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_RESOURCE: Final = "poddisruptionbudget.policy"


def is_unprotected(pod: JsonObject) -> bool:
    """Whether no budget counts the pod: it is finished, pending or being deleted."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in {"Succeeded", "Failed", "Pending"} or bool(pod["metadata"].get("deletionTimestamp"))


def is_terminal(pod: JsonObject) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase in {"Succeeded", "Failed"} or bool(pod["metadata"].get("deletionTimestamp"))


def select_budgets(pod: JsonObject, budgets: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the budgets that select the pod. budgets: of its namespace. Invalid selectors select nothing."""
    labels = pod["metadata"].get("labels") or {}
    matching_budgets = []
    for budget in budgets:
        try:
            selector = LabelSelector.from_object((budget.get("spec") or {}).get("selector"))
        except SelectorError:
            continue
        if selector.matches(labels):
            matching_budgets.append(budget)
    return matching_budgets


def allows_unhealthy_eviction(pod: JsonObject, budget: JsonObject) -> bool:
    """Whether an unready pod may be evicted without using the budget."""
    ready = find_condition(pod.get("status") or {}, "Ready")
    if ready is not None and ready.get("status") == "True":
        return False
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    budget_status = budget.get("status") or {}
    desired = budget_status.get("desiredHealthy") or 0
    return desired > 0 and (budget_status.get("currentHealthy") or 0) >= desired


def decrement_budget(budget: JsonObject, pod_name: str) -> JsonObject:
    """Take one allowed disruption from the budget, in place. Raise TooManyRequests, Forbidden."""
    metadata, budget_status = budget["metadata"], budget.setdefault("status", {})
    name = metadata["name"]
    if (budget_status.get("observedGeneration") or 0) < (metadata.get("generation") or 0):
        raise still_processing_error(name)
    allowed = budget_status.get("disruptionsAllowed") or 0
    if allowed < 0:
        raise status.forbidden(_RESOURCE, name, "pdb disruptions allowed is negative")
    if len(budget_status.get("disruptedPods") or {}) > MAX_DISRUPTED_PODS:
        text = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise status.forbidden(_RESOURCE, name, text)
    if allowed == 0:
        raise _too_many_requests(0, _describe_refusal(name, budget_status))
    budget_status["disruptionsAllowed"] = allowed - 1
    if allowed == 1:
        set_condition(
            budget_status,
            {
                "type": "DisruptionAllowed",
                "status": "False",
                "reason": "InsufficientPods",
                "message": "",
                "observedGeneration": budget_status.get("observedGeneration") or 0,
            },
        )
    budget_status["disruptedPods"] = (budget_status.get("disruptedPods") or {}) | {pod_name: timestamps.now()}
    return budget


def still_processing_error(name: str) -> status.StatusError:
    """Return the 429 with Retry-After 10 for a budget whose status is out of date."""
    return _too_many_requests(10, f"The disruption budget {name} is still being processed by the server.")


def _too_many_requests(seconds: int, cause: str) -> status.StatusError:
    details = {
        "retryAfterSeconds": seconds,
        "causes": [{"reason": "DisruptionBudget", "message": cause}],
    }
    return status.failure(429, "TooManyRequests", _VIOLATES, details)


def _describe_refusal(name: str, budget_status: JsonObject) -> str:
    condition = find_condition(budget_status, "DisruptionAllowed") or {}
    message = condition.get("message") if condition.get("status") == "False" else None
    healthy, desired = budget_status.get("currentHealthy") or 0, budget_status.get("desiredHealthy") or 0
    if message and condition.get("reason") == "SyncFailed":
        return (
            f"The disruption budget {name} does not allow evicting pods currently because it failed sync: "
            f"{message}"
        )
    if healthy <= desired:
        return f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    text = f"The disruption budget {name} does not allow evicting pods currently"
    return f"{text} ({condition.get('reason', '')}): {message}" if message else text
