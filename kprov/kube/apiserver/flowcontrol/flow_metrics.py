"""The metrics of priority and fairness, by level and by flow schema.

Source of names, labels and buckets: apiserver/pkg/util/flowcontrol/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kprov.kube.apiserver.flowcontrol.level import PriorityLevel
from kprov.kube.apiserver.flowcontrol.matching import Counts, FlowSchema
from kprov.kube.component_base import metrics
from kprov.kube.component_base.prometheus import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

_PREFIX: Final = "apiserver_flowcontrol_"
_SYSTEM: Final = "in the API Priority and Fairness subsystem"
_STAGE: Final = "initial (for a WATCH) or any (for a non-WATCH) execution stage"
#: Name, help text, and the attribute of a level.
_LEVELS: Final = (
    ("nominal_limit", "[BETA] Nominal number of execution seats configured for each", "nominal"),
    ("current_limit", "[ALPHA] current derived number of execution seats available to each", "limit"),
    ("lower_limit", "[ALPHA] Configured lower bound on number of execution seats available to each", "least"),
    ("upper_limit", "[ALPHA] Configured upper bound on number of execution seats available to each", "most"),
)
_SEATS: Final = (
    "[BETA] Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, "
    f"any stage otherwise) requests {_SYSTEM}"
)
_PENDING: Final = (
    "[BETA] Number of requests currently pending in queues of the API Priority and Fairness subsystem"
)
#: Name, help text, and the attribute of a schema's counts.
_SCHEMAS: Final = (
    ("current_executing_requests", f"[BETA] Number of requests in {_STAGE} {_SYSTEM}", "running"),
    ("current_executing_seats", _SEATS, "seats"),
    ("current_inqueue_requests", _PENDING, "waiting"),
)
_BY_SCHEMA: Final = ("priority_level", "flow_schema")
_BOUNDS: Final = (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
#: The bucket of requests that find a free seat: upstream passes them through a queue for a moment.
_AT_ONCE: Final = 1


def observe_wait(counts: Counts, seconds: float, *, executes: bool) -> None:
    """Record how long a request was queued."""
    entry = counts.waits.setdefault(executes, [0.0] * (len(_BOUNDS) + 2))
    entry[bisect_left(_BOUNDS, seconds)] += 1
    entry[-1] += seconds


def collect(levels: Mapping[str, PriorityLevel], schemas: Sequence[FlowSchema]) -> Iterable[Metric]:
    """Build the families. As upstream, schemas without requests are left out."""
    for name, text, value in _LEVELS:
        gauge = GaugeMetricFamily(
            f"{_PREFIX}{name}_seats", f"{text} priority level", labels=("priority_level",)
        )
        for level in levels.values():
            gauge.add_metric((level.name,), getattr(level, value))
        yield gauge
    used = [
        flow_schema
        for flow_schema in schemas
        if flow_schema.counts.dispatched or flow_schema.counts.waiting or flow_schema.counts.rejected
    ]
    for name, text, value in _SCHEMAS:
        gauge = GaugeMetricFamily(_PREFIX + name, text, labels=_BY_SCHEMA)
        for schema in used:
            if value != "waiting" or levels[schema.level].has_queues:
                gauge.add_metric((schema.level, schema.name), getattr(schema.counts, value))
        yield gauge
    begun = CounterMetricFamily(
        f"{_PREFIX}dispatched_requests_total",
        "[BETA] Number of requests executed by API Priority and Fairness subsystem",
        labels=_BY_SCHEMA,
    )
    refused = CounterMetricFamily(
        f"{_PREFIX}rejected_requests_total",
        "[BETA] Number of requests rejected by API Priority and Fairness subsystem",
        labels=(*_BY_SCHEMA, "reason"),
    )
    for schema in used:
        begun.add_metric((schema.level, schema.name), schema.counts.dispatched)
        for reason, count in schema.counts.rejected.items():
            refused.add_metric((schema.level, schema.name, reason), count)
    yield begun
    yield refused
    yield _collect_waits(levels, used)


def _collect_waits(levels: Mapping[str, PriorityLevel], schemas: Sequence[FlowSchema]) -> Metric:
    family = HistogramMetricFamily(
        f"{_PREFIX}request_wait_duration_seconds",
        "[BETA] Length of time a request spent waiting in its queue",
        labels=(*_BY_SCHEMA, "execute"),
    )
    for schema in schemas:
        counts = schema.counts
        entries = {executes: list(entry) for executes, entry in counts.waits.items()}
        if levels[schema.level].has_queues and counts.dispatched:
            entry = entries.setdefault(True, [0.0] * (len(_BOUNDS) + 2))
            entry[_AT_ONCE] += counts.dispatched - sum(entry[:-1])
        for executes, entry in entries.items():
            labels = schema.level, schema.name, "true" if executes else "false"
            family.add_metric(labels, metrics.accumulate_buckets(_BOUNDS, entry), sum_value=entry[-1])
    return family
