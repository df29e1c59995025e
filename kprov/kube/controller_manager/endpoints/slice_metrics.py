"""Metrics of the endpoint slice controller, by upstream's names (endpointslice/metrics)."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.endpoints.slice_plan import Plan

_BUCKETS: Final = [2.0**power for power in range(1, 16)]

_ADDED: Final = metrics.histogram(
    "endpoint_slice_controller_endpoints_added_per_sync",
    "Number of endpoints added on each Service sync",
    buckets=_BUCKETS,
)
_REMOVED: Final = metrics.histogram(
    "endpoint_slice_controller_endpoints_removed_per_sync",
    "Number of endpoints removed on each Service sync",
    buckets=_BUCKETS,
)
_ENDPOINTS: Final = metrics.gauge(
    "endpoint_slice_controller_endpoints_desired", "Number of endpoints desired"
)
_SLICES: Final = metrics.gauge("endpoint_slice_controller_num_endpoint_slices", "Number of EndpointSlices")
_DESIRED_SLICES: Final = metrics.gauge(
    "endpoint_slice_controller_desired_endpoint_slices",
    "Number of EndpointSlices that would exist with perfect endpoint allocation",
)
# Gauges, since prometheus-client adds _total to the names of counters.
_CHANGES: Final = metrics.gauge(
    "endpoint_slice_controller_changes", "Number of EndpointSlice changes", ["operation"]
)
_SYNCS: Final = metrics.gauge("endpoint_slice_controller_syncs", "Number of EndpointSlice syncs", ["result"])


class _Totals(NamedTuple):
    endpoints: int = 0
    slices: int = 0
    desired_slices: int = 0


class SliceMetrics:
    """Adds up the services of one controller. limit: most endpoints of a slice."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._services: dict[str, _Totals] = {}

    def count_sync(self, result: str) -> None:
        """Count a sync. result: success, stale or error."""
        _SYNCS.labels(result).inc()

    def count_plans(self, key: str, plans: Sequence[Plan]) -> None:
        """Count what a sync of a service has done. plans: one for each address family."""
        _ADDED.observe(sum(plan.added for plan in plans))
        _REMOVED.observe(sum(plan.removed for plan in plans))
        for operation, count in (
            ("create", sum(len(plan.create) for plan in plans)),
            ("update", sum(len(plan.update) for plan in plans)),
            ("delete", sum(len(plan.delete) for plan in plans)),
        ):
            if count:
                _CHANGES.labels(operation).inc(count)
        ideal = sum(math.ceil(size / self._limit) for plan in plans for size in plan.sizes)
        totals = _Totals(
            endpoints=sum(size for plan in plans for size in plan.sizes),
            slices=sum(plan.slices for plan in plans),
            desired_slices=max(1, ideal),
        )
        self._set(key, totals)

    def forget(self, key: str) -> None:
        """Leave out a service that is gone."""
        self._set(key, _Totals())
        del self._services[key]

    def _set(self, key: str, totals: _Totals) -> None:
        before = self._services.get(key, _Totals())
        self._services[key] = totals
        _ENDPOINTS.inc(totals.endpoints - before.endpoints)
        _SLICES.inc(totals.slices - before.slices)
        _DESIRED_SLICES.inc(totals.desired_slices - before.desired_slices)
