"""The base class of evaluators, which counts objects.

Source: upstream staging/src/k8s.io/apiserver/pkg/quota/v1/{interfaces.go,generic/evaluator.go}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kprov.kube.component_helpers.pod_resources import Amounts
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import Quantity

#: A term of a scope selector: scopeName, operator, values.
#: The objects of (group, plural, namespace). Namespace "" is all.
Objects = Callable[[str, str, str], Iterable[JsonMapping]]

ONE: Final = Quantity.of(1)


def count_name(group: str, plural: str) -> str:
    """Return the quota name that counts a kind: count/deployments.apps."""
    return f"count/{plural}.{group}" if group else f"count/{plural}"


def scopes_of(quota: JsonMapping) -> list[JsonMapping]:
    """spec.scopes and spec.scopeSelector as terms."""
    spec = quota.get("spec") or {}
    named = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    return [*named, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


class Evaluator:
    """Computes what objects of one kind use. This class counts them."""

    def __init__(self, group: str, plural: str, *aliases: str) -> None:
        self.group, self.plural = group, plural
        self.count = count_name(group, plural)
        self._names = {self.count, *aliases}

    def handles(self, operation: str, subresource: str, obj: JsonMapping, old: JsonMapping | None) -> bool:
        """Whether an operation (CREATE, UPDATE) may change usage."""
        del obj, old
        return operation == "CREATE" and not subresource

    def resources(self, names: Iterable[str]) -> list[str]:
        """Return the names of a quota that apply to this kind, sorted."""
        return sorted(name for name in set(names) if self.measures(name))

    def measures(self, name: str) -> bool:
        return name in self._names

    def in_scope(self, scope: JsonMapping, obj: JsonMapping) -> bool:
        """Whether the object is in a scope. Kinds without scopes are in none."""
        del scope, obj
        return False

    #: Whether limited scopes of the admission configuration apply to this kind.
    has_scopes = False

    def constraint(self, required: Sequence[str], obj: JsonMapping) -> str:
        """Return what the object has to specify: "must specify ...", or ""."""
        del required, obj
        return ""

    def usage(self, obj: JsonMapping) -> Amounts:
        """Return what the object uses, by the names of quotas."""
        del obj
        return dict.fromkeys(self._names, ONE)

    def matches(self, quota: JsonMapping, obj: JsonMapping) -> bool:
        """Whether the quota applies to the object."""
        hard = (quota.get("status") or {}).get("hard") or {}
        return bool(self.resources(hard)) and all(self.in_scope(scope, obj) for scope in scopes_of(quota))
