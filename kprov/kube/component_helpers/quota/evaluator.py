"""What an evaluator is, and the one that only counts.

Source: upstream staging/src/k8s.io/apiserver/pkg/quota/v1/{interfaces.go,generic/evaluator.go}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kprov.kube.component_helpers.pod_resources import Amounts
from kprov.kube.machinery.quantity import Quantity
from kprov.kube.machinery.resources import Resource

Object = Mapping[str, Any]
#: A term of a scope selector: scopeName, operator, values.
Scope = Mapping[str, Any]
#: (group, plural, namespace) to the objects that are there; namespace "" for all.
Objects = Callable[[str, str, str], Iterable[Object]]

ONE: Final = Quantity.of(1)


def count_name(group: str, plural: str) -> str:
    """The quota name that counts a kind: count/deployments.apps."""
    return f"count/{plural}.{group}" if group else f"count/{plural}"


def scopes_of(quota: Object) -> list[Scope]:
    """spec.scopes and spec.scopeSelector as terms."""
    spec = quota.get("spec") or {}
    named = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    return [*named, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


class Evaluator:
    """Measures one kind; this one counts objects."""

    def __init__(self, group: str, plural: str, *aliases: str) -> None:
        self.group, self.plural = group, plural
        self.count = count_name(group, plural)
        self._names = {self.count, *aliases}

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:
        """Whether that operation (CREATE, UPDATE) may change usage."""
        del obj, old
        return operation == "CREATE" and not subresource

    def resources(self, names: Iterable[str]) -> list[str]:
        """Those of the quota's names that this kind uses, sorted."""
        return sorted(name for name in set(names) if self.measures(name))

    def measures(self, name: str) -> bool:
        return name in self._names

    def in_scope(self, scope: Scope, obj: Object) -> bool:
        """Whether a scope takes the object in; kinds without scopes are in none."""
        del scope, obj
        return False

    #: Whether limited scopes of the admission configuration are looked at.
    has_scopes = False

    def constraint(self, required: Sequence[str], obj: Object) -> str:
        """What the object lacks to be measured ("must specify ..."); "" when nothing."""
        del required, obj
        return ""

    def usage(self, obj: Object) -> Amounts:
        """What the object uses, by the quota's names."""
        del obj
        return dict.fromkeys(self._names, ONE)

    def matches(self, quota: Object, obj: Object) -> bool:
        """Whether the quota has something to say about the object."""
        hard = (quota.get("status") or {}).get("hard") or {}
        return bool(self.resources(hard)) and all(self.in_scope(scope, obj) for scope in scopes_of(quota))


def is_quotable(resource: Resource) -> bool:
    """Whether objects of the kind can be counted in a namespace."""
    return resource.namespaced and {"create", "list", "watch", "delete"} <= set(resource.verbs)
