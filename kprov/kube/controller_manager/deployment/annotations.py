"""Annotations that carry revisions and sizes between a deployment and its replica sets."""

from collections.abc import Iterable
from typing import Final

from kprov.kube.api.apps import Deployment, ReplicaSet
from kprov.kube.controller_manager.deployment.rolling import DESIRED, MAXIMUM, get_max_surge

REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
ROLLBACK: Final = "deprecated.deployment.rollback.to"
# kubectl rollout history shows these; longer lists lose their oldest (maxRevHistoryLengthInChars).
_HISTORY_CHARACTERS: Final = 2000
#: Annotations of a deployment that its replica sets do not get.
NOT_COPIED: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        ROLLBACK,
    }
)


def get_revision(obj: Deployment | ReplicaSet) -> int:
    try:
        return int(obj.metadata.annotations.get(REVISION, "0"))
    except ValueError:
        return 0


def find_max_revision(sets: Iterable[ReplicaSet]) -> int:
    return max((get_revision(rs) for rs in sets), default=0)


def make_size_annotations(deployment: Deployment) -> dict[str, str]:
    """Annotations of a replica set that record the deployment's size."""
    wanted = deployment.spec.replicas
    return {DESIRED: str(wanted), MAXIMUM: str(wanted + get_max_surge(deployment))}


def make_new_set_annotations(
    deployment: Deployment, known: dict[str, str], number: int, *, exists: bool
) -> dict[str, str]:
    """Return the new replica set's annotations: the deployment's, and the revision `number` if higher."""
    result = dict(known)
    result.update(
        {key: value for key, value in deployment.metadata.annotations.items() if key not in NOT_COPIED}
    )
    old = known.get(REVISION, "")
    if not old.isdigit() or int(old) < number:
        result[REVISION] = str(number)
        if exists and old:
            result[HISTORY] = _history(known.get(HISTORY, ""), old)
    if not exists:
        result.update(make_size_annotations(deployment))
    return result


def _history(known: str, old: str) -> str:
    numbers = [entry for entry in known.split(",") if entry]
    numbers.append(old)
    while len(numbers) > 1 and len(",".join(numbers)) > _HISTORY_CHARACTERS:
        numbers.pop(0)
    return ",".join(numbers)
