"""What the objects of a namespace use of a quota (upstream apiserver/pkg/quota/v1/resources.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kprov.kube.component_helpers.pod_resources import Amounts, add_amounts
from kprov.kube.component_helpers.quota.evaluator import Evaluator, scopes_of
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import ZERO, Quantity

#: The objects of (group, plural, namespace), and how many are as each of them.
CountedObjects = Callable[[str, str, str], Iterable[tuple[JsonMapping, int]]]


def calculate_usage(quota: JsonMapping, evaluators: Iterable[Evaluator], objects: CountedObjects) -> Amounts:
    """Usage of the names in spec.hard that an evaluator supports."""
    namespace = quota["metadata"]["namespace"]
    hard = ((quota.get("spec") or {}).get("hard") or {}).keys()
    scopes = scopes_of(quota)
    used: Amounts = {}
    for evaluator in evaluators:
        measured = evaluator.resources(hard)
        if not measured:
            continue
        for name in measured:
            used.setdefault(name, ZERO)
        for obj, count in objects(evaluator.group, evaluator.plural, namespace):
            if all(evaluator.in_scope(scope, obj) for scope in scopes):
                own = {name: amount for name, amount in evaluator.usage(obj).items() if name in hard}
                add_amounts(used, _multiply(own, count))
    return used


def _multiply(amounts: Amounts, count: int) -> Amounts:
    return {name: Quantity(amount.nanos * count, amount.format) for name, amount in amounts.items()}
