"""The metrics and the log lines of steps that hold the event loop."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Final

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.apiserver.server.loop_monitor import BUDGET_SECONDS, Sample
from kprov.kube.component_base import metrics
from kprov.kube.component_base.prometheus import (
    REGISTRY,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

log = logging.getLogger(__name__)

_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LABELS: Final = ("verb", "group", "resource", "subresource")
_UNKNOWN: Final = ("", "", "", "", "")
#: The names of resources come from clients.
_MAX_KEYS: Final = 500
_OTHER: Final = ("other", "", "", "")
#: One line a minute for the same verb and resource, unless a step was twice as long.
_LOG_SECONDS: Final = 60.0

_Key = tuple[str, str, str, str]


class LoopReport:
    """Counts the steps of this process; `register` adds them to /metrics."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lag = [0.0] * (len(_BOUNDS) + 2)
        #: How many, and the longest.
        self._steps: dict[_Key, tuple[int, float]] = {}
        #: When a step was logged, and how long it was.
        self._logged: dict[_Key, tuple[float, float]] = {}

    def register(self) -> None:
        """Add the metrics to /metrics."""
        REGISTRY.register(self)

    def describe_request(self, frame: FrameType) -> tuple[str, str, str, str, str]:
        """See Reporter. Looks for the request in the local variables of the stack."""
        info: RequestInfo | None = None
        user = ""
        current: FrameType | None = frame
        while current is not None and (info is None or not user):
            for value in list(current.f_locals.values()):
                # The thread may look in the middle of a constructor, before all attributes are set.
                with suppress(AttributeError):
                    if isinstance(value, RequestContext):
                        info, user = value.info, value.user.name
                    elif isinstance(value, RequestInfo):
                        info = info or value
                    elif isinstance(value, UserInfo):
                        user = user or value.name
            current = current.f_back
        with suppress(AttributeError):
            if info is not None:
                return info.verb, info.api_group, info.resource, info.subresource, user
        return _UNKNOWN

    def observe_lag(self, seconds: float) -> None:
        """See Reporter."""
        self._lag[bisect_left(_BOUNDS, seconds)] += 1
        self._lag[-1] += seconds

    def report_step(self, seconds: float, sample: Sample | None) -> None:
        """See Reporter."""
        key = _find_key(sample)
        if key not in self._steps and len(self._steps) >= _MAX_KEYS:
            key = _OTHER
        count, longest = self._steps.get(key, (0, 0.0))
        self._steps[key] = count + 1, max(longest, seconds)
        when, before = self._logged.get(key, (float("-inf"), 0.0))
        now = self._clock()
        if now - when >= _LOG_SECONDS or seconds > 2 * before:
            self._logged[key] = now, seconds
            log.warning(
                "a step of %s held the event loop for %.3f s (budget %g s): %s",
                _format_request(sample),
                seconds,
                BUDGET_SECONDS,
                "no stack" if sample is None else sample.stack,
            )

    def report_running(self, seconds: float, sample: Sample) -> None:
        """See Reporter."""
        log.warning(
            "a step of %s holds the event loop since %.1f s: %s",
            _format_request(sample),
            seconds,
            sample.stack,
        )

    def describe(self) -> Iterable[Metric]:
        """No families: registration must not collect."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics. prometheus-client calls it at each scrape."""
        lag = HistogramMetricFamily(
            "kprov_apiserver_loop_lag_seconds",
            "How late the event loop runs a timer that is due every 20 ms.",
            labels=(),
        )
        lag.add_metric((), metrics.accumulate_buckets(_BOUNDS, self._lag), sum_value=self._lag[-1])
        yield lag
        steps = CounterMetricFamily(
            "kprov_apiserver_loop_slow_steps_total",
            f"Steps that held the event loop for more than {BUDGET_SECONDS * 1000:g} ms of CPU time.",
            labels=_LABELS,
        )
        longest = GaugeMetricFamily(
            "kprov_apiserver_loop_longest_step_seconds",
            "CPU time of the longest step that held the event loop, since the start of the process.",
            labels=_LABELS,
        )
        for key, (count, seconds) in list(self._steps.items()):
            steps.add_metric(key, count)
            longest.add_metric(key, seconds)
        yield steps
        yield longest


def _find_key(sample: Sample | None) -> _Key:
    if sample is None:
        return _UNKNOWN[:4]
    verb, group, resource, subresource, _ = sample.request
    return verb, group, resource, subresource


def _format_request(sample: Sample | None) -> str:
    if sample is None or sample.request == _UNKNOWN:
        return "no request"
    verb, group, resource, subresource, user = sample.request
    place = ".".join(part for part in (resource or "a path", group) if part)
    return f"{verb} {place}{'/' if subresource else ''}{subresource} of {user or 'an unknown user'!r}"
