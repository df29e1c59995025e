"""The evaluator of each kind (upstream pkg/quota/v1/install/registry.go, evaluator/core/registry.go)."""

from __future__ import annotations

from typing import Final

from kprov.kube.component_helpers.quota.claims import PersistentVolumeClaims
from kprov.kube.component_helpers.quota.evaluator import Evaluator, Objects
from kprov.kube.component_helpers.quota.pods import Pods
from kprov.kube.component_helpers.quota.resource_claims import ResourceClaims
from kprov.kube.component_helpers.quota.services import Services

#: Kinds with a name in quotas that is older than count/.
_OLD_NAMES: Final = frozenset({"configmaps", "resourcequotas", "replicationcontrollers", "secrets"})
_IGNORED: Final = frozenset({
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "events"),
    ("events.k8s.io", "events"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
})  # fmt: skip


class Evaluators:
    """One evaluator for each kind, created with its first use."""

    def __init__(self, objects: Objects) -> None:
        self._known: dict[tuple[str, str], Evaluator] = {
            (evaluator.group, evaluator.plural): evaluator
            for evaluator in (Pods(), Services(), PersistentVolumeClaims(), ResourceClaims(objects))
        }

    def of(self, group: str, plural: str) -> Evaluator | None:
        """Return the evaluator of a kind. None if no quota applies to it."""
        if (group, plural) in _IGNORED:
            return None
        evaluator = self._known.get((group, plural))
        if evaluator is None:
            aliases = (plural,) if not group and plural in _OLD_NAMES else ()
            evaluator = self._known[group, plural] = Evaluator(group, plural, *aliases)
        return evaluator
