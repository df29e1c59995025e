"""Runs PreScore and Score for the nodes that fit."""

from __future__ import annotations

import time

import numpy as np

from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.framework.plugin import CycleState, PluginError
from kprov.kube.scheduler.framework.scores import Scores
from kprov.kube.scheduler.framework.status import Code
from kprov.kube.scheduler.state.columns import Mask


def run_scores(cycle: CycleState, feasible: Mask) -> Scores:
    """Return the weighted sum of the scores of all plugins, by slot. Raise PluginError if a plugin fails."""
    total = np.zeros(cycle.state.capacity, dtype=np.float64)
    skipped = _run_pre_scores(cycle, feasible) if cycle.profile.pre_scores else ()
    for plugin, weight in cycle.profile.scores:
        if plugin.name in skipped:
            continue
        start = time.perf_counter() if cycle.is_sampled else 0.0
        metrics.record_evaluation(plugin.name, "Score", cycle.profile.name)
        scores = plugin.score(cycle, feasible)
        if scores is not None:
            total += weight * scores
        if start:
            metrics.record_plugin(plugin.name, "Score", Code.SUCCESS.value, time.perf_counter() - start)
    return total


def _run_pre_scores(cycle: CycleState, feasible: Mask) -> set[str]:
    """Run PreScore. Return the names of the plugins that skip their score."""
    start = time.perf_counter()
    skipped = set()
    for plugin in cycle.profile.pre_scores:
        metrics.record_evaluation(plugin.name, "PreScore", cycle.profile.name)
        status = plugin.pre_score(cycle, feasible)
        if status is not None and status.code is Code.SKIP:
            skipped.add(plugin.name)
        elif status is not None and not status.is_success:
            raise PluginError(f'running PreScore plugin "{plugin.name}": {status.message}')
    seconds = time.perf_counter() - start
    metrics.record_extension_point("PreScore", Code.SUCCESS.value, cycle.profile.name, seconds)
    return skipped
