"""Taints and tolerations (k8s.io/component-helpers/scheduling/corev1)."""

from collections.abc import Iterable, Sequence

from kprov.kube.api.core import Taint, Toleration

NO_SCHEDULE = "NoSchedule"
NO_EXECUTE = "NoExecute"


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Return whether it fits. An empty key with Exists fits every taint, an empty effect every effect."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return bool(toleration.key) and toleration.value == taint.value
        case "Exists":
            return True
        case "Lt" | "Gt":
            return _compares(toleration, taint)
        case _:
            return False


def find_untolerated(
    taints: Iterable[Taint], tolerations: Sequence[Toleration], effects: Iterable[str]
) -> Taint | None:
    """Return the first taint with one of the effects that no toleration covers."""
    wanted = frozenset(effects)
    for taint in taints:
        if taint.effect in wanted and not any(tolerates(entry, taint) for entry in tolerations):
            return taint
    return None


def _compares(toleration: Toleration, taint: Taint) -> bool:
    try:
        have, bound = int(taint.value), int(toleration.value)
    except ValueError:
        return False
    return have < bound if toleration.operator == "Lt" else have > bound
