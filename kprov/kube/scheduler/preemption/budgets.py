"""Which victims would violate a disruption budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.state.pod_info import PodInfo, to_label_selector


@dataclass(frozen=True, slots=True)
class Budget:
    """A disruption budget. `disrupted`: names of evicted pods, which it has counted already."""

    namespace: str
    selector: LabelSelector
    allowed: int
    disrupted: frozenset[str]

    def counts(self, info: PodInfo) -> bool:
        return (
            info.namespace == self.namespace
            and self.selector.matches(info.labels)
            and info.pod.metadata.name not in self.disrupted
        )


def build_budgets(budgets: Iterable[PodDisruptionBudget]) -> list[Budget]:
    """Build budgets with parsed selectors. As in upstream's scheduler, an empty selector selects nothing."""
    built = [
        Budget(
            namespace=budget.metadata.namespace,
            selector=to_label_selector(budget.spec.selector),
            allowed=budget.status.disruptions_allowed,
            disrupted=frozenset(budget.status.disrupted_pods),
        )
        for budget in budgets
        if budget.spec.selector is not None
    ]
    return [budget for budget in built if not budget.selector.is_empty]


def split_by_violation(
    infos: Iterable[PodInfo], budgets: Sequence[Budget]
) -> tuple[list[PodInfo], list[PodInfo]]:
    """Return (pods whose removal violates a budget, other pods), each in the order of `infos`.

    Budgets are charged in that order: the first pods get what a budget allows.
    """
    allowed = [budget.allowed for budget in budgets]
    violating: list[PodInfo] = []
    others: list[PodInfo] = []
    for info in infos:
        is_violated = False
        for number, budget in enumerate(budgets if info.labels else ()):
            if budget.counts(info):
                allowed[number] -= 1
                is_violated = is_violated or allowed[number] < 0
        (violating if is_violated else others).append(info)
    return violating, others
