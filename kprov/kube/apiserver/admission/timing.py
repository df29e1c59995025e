"""The duration of admission by phase and by plugin, under upstream's names.

A plugin costs one read of the clock, one dictionary lookup and two additions. A scrape builds the families.
Source: apiserver/pkg/admission/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from time import perf_counter
from typing import Final

from kprov.kube.component_base import metrics
from kprov.kube.component_base.prometheus import REGISTRY, HistogramMetricFamily, Metric

_BOUNDS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
_STEP: Final = "apiserver_admission_step_admission_duration_seconds"
_CONTROLLER: Final = "apiserver_admission_controller_admission_duration_seconds"

#: The plugin, "" for the whole phase; whether it rejected the request.
_Key = tuple[str, bool]
#: Counts by bucket, then the sum of seconds.
_Entry = list[float]
#: Most durations are in the first bucket.
_FIRST: Final = _BOUNDS[0]


class AdmissionMetrics:
    """The admission metrics of this process; `register` adds them to /metrics."""

    def __init__(self) -> None:
        #: By phase (admit or validate) and operation.
        self._entries: dict[tuple[str, str], dict[_Key, _Entry]] = {}

    def register(self) -> None:
        REGISTRY.register(self)

    def begin(self, phase: str, operation: str) -> PhaseTimer:
        """phase: admit or validate."""
        entries = self._entries.get((phase, operation))
        if entries is None:
            entries = self._entries[phase, operation] = {}
        return PhaseTimer(entries)

    def describe(self) -> Iterable[Metric]:
        """No families: registration must not collect."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics. prometheus-client calls it at each scrape."""
        labels = ("type", "operation", "rejected")
        step = HistogramMetricFamily(
            _STEP,
            "[STABLE] Admission sub-step latency histogram in seconds, broken out for each operation "
            "and API resource and step type (validate or admit).",
            labels=labels,
        )
        controller = HistogramMetricFamily(
            _CONTROLLER,
            "[STABLE] Admission controller latency histogram in seconds, identified by name and broken out "
            "for each operation and API resource and type (validate or admit).",
            labels=("name", *labels),
        )
        for (phase, operation), entries in self._entries.items():
            for (name, is_rejected), entry in entries.items():
                values = (phase, operation, str(is_rejected).lower())
                family, shown = (controller, (name, *values)) if name else (step, values)
                family.add_metric(shown, metrics.accumulate_buckets(_BOUNDS, entry), sum_value=entry[-1])
        yield step
        yield controller


class PhaseTimer:
    """Times one phase of one request.

    Call record_plugin after each plugin and record_phase at the end, or record_rejection instead of both.
    """

    __slots__ = ("_begin", "_entries", "_last")

    def __init__(self, entries: dict[_Key, _Entry]) -> None:
        self._entries = entries
        self._begin = self._last = perf_counter()

    def record_plugin(self, plugin: str) -> None:
        now = perf_counter()
        self._count((plugin, False), now - self._last)
        self._last = now

    def record_phase(self) -> None:
        self._count(("", False), self._last - self._begin)

    def record_rejection(self, plugin: str) -> None:
        now = perf_counter()
        self._count((plugin, True), now - self._last)
        self._count(("", True), now - self._begin)

    def _count(self, key: _Key, seconds: float) -> None:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = [0.0] * (len(_BOUNDS) + 2)
        entry[0 if seconds <= _FIRST else bisect_left(_BOUNDS, seconds)] += 1
        entry[-1] += seconds
