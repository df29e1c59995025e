"""How long admission took, by phase and by plugin, under upstream's names.

A plugin costs one look at the clock, one look-up and two additions; the text is made when someone scrapes.
Source: apiserver/pkg/admission/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from time import perf_counter
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily, Metric

_BOUNDS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
_STEP: Final = "apiserver_admission_step_admission_duration_seconds"
_CONTROLLER: Final = "apiserver_admission_controller_admission_duration_seconds"

#: The plugin, "" for the whole phase; admit or validate; the operation; whether it was refused.
_Key = tuple[str, str, str, bool]


class Timing:
    """One for the process; register() makes it part of /metrics."""

    def __init__(self) -> None:
        self._entries: dict[_Key, list[float]] = {}

    def register(self) -> None:
        REGISTRY.register(self)

    def begin(self, phase: str, operation: str) -> Clock:
        """phase: admit or validate."""
        return Clock(self._entries, phase, operation)

    def describe(self) -> Iterable[Metric]:
        """None, so that registering asks for nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """For prometheus-client."""
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
        for (name, phase, operation, is_rejected), entry in self._entries.items():
            values = (phase, operation, str(is_rejected).lower())
            bounds = (*(f"{each:g}" for each in _BOUNDS), "+Inf")
            buckets = list(zip(bounds, accumulate(entry[:-1]), strict=True))
            family, shown = (controller, (name, *values)) if name else (step, values)
            family.add_metric(shown, buckets, sum_value=entry[-1])
        yield step
        yield controller


class Clock:
    """Of one phase of one request: `done` after each plugin, `end` after all, `refused` instead of both."""

    __slots__ = ("_begin", "_entries", "_last", "_operation", "_phase")

    def __init__(self, entries: dict[_Key, list[float]], phase: str, operation: str) -> None:
        self._entries = entries
        self._phase = phase
        self._operation = operation
        self._begin = self._last = perf_counter()

    def done(self, plugin: str) -> None:
        now = perf_counter()
        self._count(plugin, now - self._last, is_rejected=False)
        self._last = now

    def end(self) -> None:
        self._count("", self._last - self._begin, is_rejected=False)

    def refused(self, plugin: str) -> None:
        now = perf_counter()
        self._count(plugin, now - self._last, is_rejected=True)
        self._count("", now - self._begin, is_rejected=True)

    def _count(self, plugin: str, seconds: float, *, is_rejected: bool) -> None:
        key = (plugin, self._phase, self._operation, is_rejected)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = [0.0] * (len(_BOUNDS) + 2)
        entry[bisect_left(_BOUNDS, seconds)] += 1
        entry[-1] += seconds
