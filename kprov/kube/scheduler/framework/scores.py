"""Scores of all nodes, by slot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kprov.kube.scheduler.state.columns import Mask

Scores = NDArray[np.float64]
MAX_SCORE = 100.0


def normalize_scores(scores: Scores, feasible: Mask, *, reverse: bool = False) -> Scores:
    """Scale scores as upstream's DefaultNormalizeScore: the largest becomes 100, or 0 if `reverse`."""
    largest = scores[feasible].max(initial=0.0)
    if largest == 0:
        return np.full_like(scores, MAX_SCORE if reverse else 0.0)
    scaled: Scores = np.floor(scores * MAX_SCORE / largest)
    return MAX_SCORE - scaled if reverse else scaled
