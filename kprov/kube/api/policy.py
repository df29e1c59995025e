"""policy/v1: disruption budgets."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

import msgspec

from kprov.kube.api.core import IntOrString
from kprov.kube.api.meta import Condition, LabelSelector, Object, View


class PodDisruptionBudgetSpec(View):
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    selector: LabelSelector | None = None


class PodDisruptionBudgetStatus(View):
    """disrupted_pods: names of evicted pods that are not deleted yet, and the times of their evictions."""

    observed_generation: int = 0
    disrupted_pods: dict[str, str] = {}
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: list[Condition] = []


class PodDisruptionBudget(Object):
    spec: PodDisruptionBudgetSpec = msgspec.field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = msgspec.field(default_factory=PodDisruptionBudgetStatus)
