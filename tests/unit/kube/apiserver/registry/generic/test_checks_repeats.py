"""Repeated values are found in linear time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest

from kprov.kube.apiserver.registry.batch.job import pod_failure_policy
from kprov.kube.apiserver.registry.core.service import validation as service_validation
from kprov.kube.apiserver.registry.generic.checks import find_repeats
from kprov.kube.apiserver.registry.podspec import scheduling

_MANY = 200_000


def test_repeats_are_the_later_ones() -> None:
    assert find_repeats("abcab") == {3, 4}
    assert find_repeats([]) == set()


def build_spread() -> Iterable[Any]:
    each = {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    constraints = [{**each, "topologyKey": f"k{number}"} for number in range(_MANY // 20)]
    return scheduling.validate_spread(constraints, "spec")


def build_exit_codes() -> Iterable[Any]:
    codes = {"operator": "In", "values": list(range(1, _MANY))}
    return pod_failure_policy._validate_exit_codes(codes, set(), "spec")


def build_families() -> Iterable[Any]:
    spec = {"ipFamilies": ["IPv4"] * _MANY}
    return service_validation.validate_cluster_ips(spec)


@pytest.mark.parametrize(
    ("build", "errors"), [(build_spread, 0), (build_exit_codes, 1), (build_families, _MANY - 1)]
)
def test_fields_with_as_many_values_as_a_request_has_are_checked_at_once(build: Any, errors: int) -> None:
    """The server answers nothing else meanwhile."""
    start = time.process_time()
    assert len(list(build())) == errors
    assert time.process_time() - start < 6
