"""How many replicas each replica set should have: functions of a deployment and its replica sets.

Sources: pkg/controller/deployment/{rolling,recreate,sync}.go, util/deployment_util.go.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from kprov.kube.api.apps import Deployment, ReplicaSet
from kprov.kube.api.core import IntOrString

DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"

# (replica set, new size)
Scaling = tuple[ReplicaSet, int]


def is_rolling(deployment: Deployment) -> bool:
    return deployment.spec.strategy.type != "Recreate"


def scale_value(value: IntOrString | None, total: int, *, up: bool) -> int:
    """Return an absolute number, or a percentage of `total` rounded up or down."""
    if value is None:
        return 0
    if isinstance(value, str):
        part = int(value.rstrip("%")) * total / 100
        return math.ceil(part) if up else math.floor(part)
    return value


def resolve_fenceposts(deployment: Deployment) -> tuple[int, int]:
    """(max surge, max unavailable). If both are 0, no rollout would end, so one may be unavailable."""
    rolling = deployment.spec.strategy.rolling_update
    replicas = deployment.spec.replicas
    surge = scale_value(rolling.max_surge if rolling else "25%", replicas, up=True)
    unavailable = scale_value(rolling.max_unavailable if rolling else "25%", replicas, up=False)
    return (0, 1) if surge == 0 and unavailable == 0 else (surge, unavailable)


def get_max_surge(deployment: Deployment) -> int:
    return resolve_fenceposts(deployment)[0] if is_rolling(deployment) else 0


def get_max_unavailable(deployment: Deployment) -> int:
    if not is_rolling(deployment) or deployment.spec.replicas == 0:
        return 0
    return min(resolve_fenceposts(deployment)[1], deployment.spec.replicas)


def sum_replicas(sets: Iterable[ReplicaSet]) -> int:
    return sum(rs.spec.replicas for rs in sets)


def list_active(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    return [rs for rs in sets if rs.spec.replicas > 0]


def sort_by_age(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Oldest first."""
    return sorted(sets, key=lambda rs: (rs.metadata.creation_timestamp or "", rs.metadata.name))


def compute_new_set_size(deployment: Deployment, sets: Sequence[ReplicaSet], current: int) -> int:
    """Return the size of the new replica set that maxSurge allows. `sets`: all, with the new one."""
    if not is_rolling(deployment):
        return deployment.spec.replicas
    room = deployment.spec.replicas + get_max_surge(deployment) - sum_replicas(sets)
    if room <= 0:
        return current
    return current + min(room, deployment.spec.replicas - current)


def reconcile_new_set(deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet) -> Scaling | None:
    """Return the next size of the new replica set. None if it needs no change."""
    wanted, have = deployment.spec.replicas, new.spec.replicas
    size = wanted if have >= wanted else compute_new_set_size(deployment, sets, have)
    return (new, size) if size != have else None


def reconcile_old_sets(deployment: Deployment, old: Sequence[ReplicaSet], new: ReplicaSet) -> list[Scaling]:
    """Return the next sizes of the old replica sets: without unhealthy pods, then as availability allows."""
    old = sort_by_age(list_active(old))
    if not old:
        return []
    minimum = deployment.spec.replicas - get_max_unavailable(deployment)
    new_unavailable = new.spec.replicas - new.status.available_replicas
    budget = sum_replicas(old) + new.spec.replicas - minimum - new_unavailable
    if budget <= 0:
        return []
    sizes = {rs.metadata.name: rs.spec.replicas for rs in old}
    for rs in old:
        unhealthy = max(0, rs.spec.replicas - rs.status.available_replicas)
        cut = min(budget, unhealthy)
        sizes[rs.metadata.name] -= cut
        budget -= cut
    available = sum(rs.status.available_replicas for rs in (*old, new))
    spare = available - minimum
    for rs in old:
        cut = max(0, min(sizes[rs.metadata.name], spare))
        sizes[rs.metadata.name] -= cut
        spare -= cut
    return [(rs, sizes[rs.metadata.name]) for rs in old if sizes[rs.metadata.name] != rs.spec.replicas]


def is_scaling_event(deployment: Deployment, sets: Iterable[ReplicaSet]) -> bool:
    """Whether the deployment was resized since its active replica sets were last scaled."""
    return any(
        _get_annotated_size(rs, DESIRED) not in {None, deployment.spec.replicas} for rs in list_active(sets)
    )


def is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    """Whether the new replica set has all replicas of the deployment."""
    return (
        new is not None
        and new.spec.replicas == deployment.spec.replicas
        and _get_annotated_size(new, DESIRED) == deployment.spec.replicas
        and new.status.available_replicas == deployment.spec.replicas
    )


def scale(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> list[Scaling]:
    """Sizes after a resize of the deployment, outside a rollout step.

    Includes sets whose size stays, since their annotations have to follow.
    """
    running = list_active([*old, *([new] if new else [])])
    if len(running) <= 1:
        only = running[0] if running else new or (sort_by_age(old)[-1] if old else None)
        if only is None or only.spec.replicas == deployment.spec.replicas:
            return []
        return [(only, deployment.spec.replicas)]
    if is_saturated(deployment, new):
        return [(rs, 0) for rs in list_active(old)]
    return _scale_proportionally(deployment, running) if is_rolling(deployment) else []


def _scale_proportionally(deployment: Deployment, running: list[ReplicaSet]) -> list[Scaling]:
    """Spread the change over all active sets in proportion to their size."""
    wanted = deployment.spec.replicas
    allowed = wanted + get_max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - sum_replicas(running)
    ordered = sort_by_age(running)
    if to_add > 0:
        ordered.reverse()
    ordered.sort(key=lambda rs: -rs.spec.replicas)
    sizes, added = [], 0
    for rs in ordered:
        part = _compute_proportion(deployment, rs, to_add, added)
        sizes.append(rs.spec.replicas + part)
        added += part
    if to_add:
        sizes[0] = max(0, sizes[0] + to_add - added)
    return list(zip(ordered, sizes, strict=True))


def _compute_proportion(deployment: Deployment, rs: ReplicaSet, to_add: int, added: int) -> int:
    if rs.spec.replicas == 0 or to_add in {0, added}:
        return 0
    part, left = _compute_fraction(deployment, rs), to_add - added
    return min(part, left) if to_add > 0 else max(part, left)


def _compute_fraction(deployment: Deployment, rs: ReplicaSet) -> int:
    if deployment.spec.replicas == 0:
        return -rs.spec.replicas
    before = _get_annotated_size(rs, MAXIMUM) or deployment.status.replicas
    if before == 0:
        return 0
    size = rs.spec.replicas * (deployment.spec.replicas + get_max_surge(deployment)) / before
    # Half away from zero, as Go rounds.
    return math.floor(size + 0.5) - rs.spec.replicas


def _get_annotated_size(rs: ReplicaSet, name: str) -> int | None:
    try:
        return int(rs.metadata.annotations[name])
    except (KeyError, ValueError):
        return None
