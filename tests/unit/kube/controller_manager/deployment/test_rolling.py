"""How deployments move replicas between replica sets."""

from typing import Any

import pytest

from kprov.kube.api.apps import Deployment, DeploymentStrategy, ReplicaSet, RollingUpdateDeployment
from kprov.kube.controller_manager.deployment import rolling


def deployment(replicas: int, surge: int | str = "25%", unavailable: int | str = "25%") -> Deployment:
    made = Deployment()
    made.spec.replicas = replicas
    made.spec.strategy = DeploymentStrategy(
        rolling_update=RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    )
    return made


def replica_set(name: str, size: int, available: int | None = None, **annotations: Any) -> ReplicaSet:
    made = ReplicaSet()
    made.metadata.name = name
    made.metadata.creation_timestamp = f"2026-01-01T00:00:{ord(name[0]) % 60:02}Z"
    made.spec.replicas = size
    made.status.replicas = size
    made.status.available_replicas = size if available is None else available
    made.metadata.annotations = {
        f"deployment.kubernetes.io/{key}-replicas": str(value) for key, value in annotations.items()
    }
    return made


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (4, 0, 0, (0, 1)),
        (4, "0%", 2, (0, 2)),
        (3, 1, "100%", (1, 3)),
    ],
)
def test_surge_rounds_up_and_unavailable_down(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    assert rolling.resolve_fenceposts(deployment(replicas, surge, unavailable)) == expected


def test_a_new_set_gets_what_the_surge_leaves() -> None:
    owner, old, new = deployment(10, 3, 2), replica_set("a", 10), replica_set("b", 0)
    assert rolling.reconcile_new_set(owner, [old, new], new) == (new, 3)


def test_a_full_house_gives_the_new_set_nothing() -> None:
    owner, old, new = deployment(10, 3, 2), replica_set("a", 10), replica_set("b", 3, 0)
    assert rolling.reconcile_new_set(owner, [old, new], new) is None


def test_a_new_set_that_is_too_large_shrinks() -> None:
    owner, new = deployment(2), replica_set("b", 5)
    assert rolling.reconcile_new_set(owner, [new], new) == (new, 2)


def test_old_sets_shrink_as_far_as_availability_allows() -> None:
    owner, old, new = deployment(10, 3, 2), replica_set("a", 10), replica_set("b", 3, 0)
    assert rolling.reconcile_old_sets(owner, [old], new) == [(old, 8)]
    ready = replica_set("b", 3, 3)
    assert rolling.reconcile_old_sets(owner, [old], ready) == [(old, 5)]


def test_unhealthy_replicas_of_old_sets_go_first() -> None:
    owner, new = deployment(10, 3, 2), replica_set("c", 5, 5)
    healthy, sick = replica_set("a", 4), replica_set("b", 4, 1)
    # minimum 8, budget 13 - 8 - 0 = 5: three sick ones; available 10 allows two healthy ones more.
    assert rolling.reconcile_old_sets(owner, [sick, healthy], new) == [(healthy, 2), (sick, 1)]


def test_a_crash_looping_new_set_never_costs_availability() -> None:
    owner, old, new = deployment(10, 3, 2), replica_set("a", 8), replica_set("b", 5, 0)
    assert rolling.reconcile_old_sets(owner, [old], new) == []


def test_a_resize_in_the_middle_of_a_rollout_is_spread_in_proportion() -> None:
    owner = deployment(20, 3, 2)
    old = replica_set("a", 8, 8, desired=10, max=13)
    new = replica_set("b", 5, 2, desired=10, max=13)
    assert rolling.is_scaling_event(owner, [old, new])
    sizes = {rs.metadata.name: size for rs, size in rolling.scale(owner, new, [old])}
    assert sizes == {"a": 14, "b": 9}
    assert sum(sizes.values()) == 23


def test_scaling_to_zero_empties_every_set() -> None:
    owner = deployment(0)
    old, new = replica_set("a", 3, desired=4, max=5), replica_set("b", 2, desired=4, max=5)
    assert {size for _, size in rolling.scale(owner, new, [old])} == {0}


def test_a_single_active_set_takes_the_whole_size() -> None:
    owner, new = deployment(7), replica_set("b", 3, desired=3, max=4)
    assert rolling.scale(owner, new, [replica_set("a", 0)]) == [(new, 7)]


def test_a_saturated_new_set_empties_adopted_old_ones() -> None:
    owner, new, old = deployment(3), replica_set("b", 3, desired=3, max=4), replica_set("a", 2)
    assert rolling.scale(owner, new, [old]) == [(old, 0)]
