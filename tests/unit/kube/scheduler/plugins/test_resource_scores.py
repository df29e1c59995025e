"""Scores of resources: the arrays agree with upstream's formulas for one node."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.contract.scheduler.arguments import (
    RatioParameters,
    ResourceWeight,
    ScoringStrategy,
    ShapePoint,
)
from kprov.kube.scheduler.plugins.resource_scores import build_scorer, score_balance

_AMOUNTS = st.integers(0, 3 * 2**38)


def interpolate_plainly(value: int, shape: list[ShapePoint]) -> int:
    if value <= shape[0].utilization:
        return shape[0].score * 10
    for left, right in pairwise(shape):
        if value <= right.utilization:
            rise = (right.score - left.score) * 10 * (value - left.utilization)
            return left.score * 10 + int(rise / (right.utilization - left.utilization))
    return shape[-1].score * 10


def score_plainly(strategy: ScoringStrategy, usages: list[tuple[int, int, int]]) -> int:
    total = weights = 0
    for requested, size, weight in usages:
        if not size:
            continue
        if strategy.requested_to_capacity_ratio is not None:
            utilization = 100 if requested > size else requested * 100 // size
            score = interpolate_plainly(utilization, strategy.requested_to_capacity_ratio.shape)
            if not score:
                continue
        elif strategy.type == "LeastAllocated":
            score = max(0, size - requested) * 100 // size
        else:
            score = min(requested, size) * 100 // size
        total += score * weight
        weights += weight
    if not weights:
        return 0
    if strategy.requested_to_capacity_ratio is not None:
        return math.floor(total / weights + 0.5)
    return total // weights


@settings(max_examples=200, deadline=None)
@given(
    resources=st.lists(
        st.tuples(st.lists(st.tuples(_AMOUNTS, _AMOUNTS), min_size=3, max_size=3), st.integers(1, 100)),
        min_size=1,
        max_size=3,
    ),
    kind=st.sampled_from(["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"]),
    points=st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 10)), min_size=1, max_size=4, unique_by=lambda p: p[0]
    ),
)
def test_the_strategies_agree_with_plain_sums(
    resources: list[tuple[list[tuple[int, int]], int]], kind: str, points: list[tuple[int, int]]
) -> None:
    strategy = ScoringStrategy(resources=[ResourceWeight(name="cpu")])
    if kind == "RequestedToCapacityRatio":
        shape = [ShapePoint(utilization=at, score=score) for at, score in sorted(points)]
        strategy = ScoringStrategy(
            type="RequestedToCapacityRatio", requested_to_capacity_ratio=RatioParameters(shape=shape)
        )
    elif kind == "MostAllocated":
        strategy = ScoringStrategy(type="MostAllocated")
    usages = [
        (np.array([used for used, _ in nodes]), np.array([size for _, size in nodes]), weight)
        for nodes, weight in resources
    ]
    found = build_scorer(strategy)(usages, 3)
    for slot in range(3):
        plain = [(nodes[slot][0], nodes[slot][1], weight) for nodes, weight in resources]
        assert found[slot] == score_plainly(strategy, plain)


def balance_plainly(usages: list[tuple[int, int]]) -> int:
    shares = [min(used / size, 1.0) for used, size in usages if size]
    deviation = 0.0
    if len(shares) == 2:
        deviation = abs(shares[0] - shares[1]) / 2
    elif len(shares) > 2:
        mean = sum(shares) / len(shares)
        deviation = math.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))
    return int((1 - deviation) * 100)


@settings(max_examples=200, deadline=None)
@given(usages=st.lists(st.tuples(st.integers(0, 16), st.sampled_from([0, 8, 16])), min_size=1, max_size=2))
def test_the_balance_agrees_with_a_plain_deviation(usages: list[tuple[int, int]]) -> None:
    found = score_balance([np.array([used]) for used, _ in usages], [np.array([size]) for _, size in usages])
    assert found[0] == balance_plainly(usages)


def test_the_balance_of_three_resources_is_their_standard_deviation() -> None:
    usages = [(1, 8), (4, 8), (7, 8)]
    found = score_balance([np.array([used]) for used, _ in usages], [np.array([8])] * 3)
    assert found[0] == balance_plainly(usages) == 69
