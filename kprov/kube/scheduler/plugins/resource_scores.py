"""Scores of all nodes by the shares of their resources (upstream's scorers of noderesources).

Scores are whole numbers, as upstream computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from kprov.contract.scheduler.arguments import ScoringStrategy, ShapePoint
from kprov.kube.scheduler.framework.scores import MAX_SCORE, Scores
from kprov.kube.scheduler.state.columns import Counts

#: (requested, allocatable, weight) of a resource.
Usage = tuple[Counts, Counts, int]
Scorer = Callable[[Sequence[Usage], int], Scores]
_MAX = int(MAX_SCORE)
#: Scores in a configuration end at 10.
_SCALE = _MAX // 10


def build_scorer(strategy: ScoringStrategy) -> Scorer:
    """Return the strategy as a function of the usages and the number of slots."""
    if strategy.type == "RequestedToCapacityRatio":
        parameters = strategy.requested_to_capacity_ratio
        shape = parameters.shape if parameters else []
        return lambda usages, capacity: _score_by_shape(usages, capacity, shape)
    score = _score_free if strategy.type == "LeastAllocated" else _score_used
    return lambda usages, capacity: _average(usages, capacity, score)


# Both scores are 0 where the node has none of the resource. Floats are exact below 2**53, and faster than
# whole numbers.


def _score_free(requested: Counts, allocatable: Counts) -> Scores:
    free = np.maximum(allocatable - requested, 0)
    scores: Scores = np.floor(free * MAX_SCORE / np.maximum(allocatable, 1))
    return scores


def _score_used(requested: Counts, allocatable: Counts) -> Scores:
    used = np.minimum(requested, allocatable)
    scores: Scores = np.floor(used * MAX_SCORE / np.maximum(allocatable, 1))
    return scores


def _average(usages: Sequence[Usage], capacity: int, score: Callable[[Counts, Counts], Scores]) -> Scores:
    """Return the average weighted by resource. A resource that a node does not have does not count for it."""
    total = np.zeros(capacity, dtype=np.float64)
    weights = np.zeros(capacity, dtype=np.int64)
    for requested, allocatable, weight in usages:
        total += score(requested, allocatable) * weight
        weights += (allocatable > 0) * weight
    return np.floor(total / np.maximum(weights, 1))


def _score_by_shape(usages: Sequence[Usage], capacity: int, shape: Sequence[ShapePoint]) -> Scores:
    """Return the weighted average of the shape's scores. Resources with a score of 0 do not count."""
    total = np.zeros(capacity, dtype=np.int64)
    weights = np.zeros(capacity, dtype=np.int64)
    for requested, allocatable, weight in usages:
        utilization = np.where(requested > allocatable, 100, requested * 100 // np.maximum(allocatable, 1))
        score = interpolate(utilization, shape)
        counts = (allocatable > 0) & (score > 0)
        total += np.where(counts, score * weight, 0)
        weights += np.where(counts, weight, 0)
    # Upstream rounds half up.
    return np.floor(total / np.maximum(weights, 1) + 0.5)


def interpolate(utilization: Counts, shape: Sequence[ShapePoint]) -> Counts:
    """Interpolate between the points of the shape. Before the first and after the last it is constant."""
    result = np.full(len(utilization), shape[-1].score * _SCALE, dtype=np.int64)
    for left, right in reversed(list(pairwise(shape))):
        rise = (right.score - left.score) * _SCALE
        # Go's division truncates.
        steps = np.trunc(rise * (utilization - left.utilization) / (right.utilization - left.utilization))
        line = left.score * _SCALE + steps.astype(np.int64)
        result = np.where(utilization <= right.utilization, line, result)
    first = shape[0]
    return np.where(utilization <= first.utilization, first.score * _SCALE, result)


def score_balance(requested: Sequence[Counts], allocatable: Sequence[Counts]) -> Scores:
    """Return 100 less the standard deviation of the used shares, in percent.

    Resources that a node does not have do not count.
    """
    present = [size > 0 for size in allocatable]
    shares = [
        np.minimum(used / np.maximum(size, 1), 1.0) * here
        for used, size, here in zip(requested, allocatable, present, strict=True)
    ]
    if len(shares) == 2:
        deviation = np.abs(shares[0] - shares[1]) * (present[0] & present[1]) / 2
    else:
        counts = np.maximum(np.sum(present, axis=0), 1)
        means = np.sum(shares, axis=0) / counts
        squares = [(share - means) ** 2 * here for share, here in zip(shares, present, strict=True)]
        deviation = np.sqrt(np.sum(squares, axis=0) / counts)
        # The same for two resources, but rounded as upstream.
        largest = np.max(shares, axis=0)
        smallest = np.min(
            [np.where(here, share, 1.0) for share, here in zip(shares, present, strict=True)], axis=0
        )
        deviation = np.where(counts == 2, (largest - smallest) / 2, deviation)
    scores: Scores = np.trunc((1.0 - deviation) * MAX_SCORE)
    return scores
