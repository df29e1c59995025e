"""Metrics under upstream's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Final

from kprov.kube.component_base.metrics import counter, gauge, histogram
from kprov.kube.component_base.prometheus import (
    REGISTRY,
    Collector,
    Counter,
    CounterMetricFamily,
    Gauge,
    GaugeMetricFamily,
    Histogram,
    Metric,
)


def _double(first: float, count: int, factor: float = 2.0) -> list[float]:
    """Return the bounds of buckets that grow by a factor."""
    return [first * factor**number for number in range(count)]


_PLUGIN_BUCKETS: Final = _double(1e-5, 20, 1.5)

_ATTEMPTS = counter(
    "scheduler_schedule_attempts_total", "Attempts to schedule pods, by result.", ["result", "profile"]
)
_DURATION = histogram(
    "scheduler_scheduling_attempt_duration_seconds",
    "Seconds from taking a pod to its binding.",
    ["result", "profile"],
    _double(0.001, 15),
)
_ALGORITHM = histogram(
    "scheduler_scheduling_algorithm_duration_seconds",
    "Seconds that the choice of a node takes.",
    buckets=_double(0.001, 15),
)
_SLI = histogram(
    "scheduler_pod_scheduling_sli_duration_seconds",
    "Seconds from a pod's entry into the queue to its binding, by the number of attempts.",
    ["attempts"],
    _double(0.01, 20),
)
_TRIES = histogram(
    "scheduler_pod_scheduling_attempts", "Attempts that a scheduled pod took.", buckets=_double(1, 5)
)
_FLUSHED = counter(
    "scheduler_pod_scheduled_after_flush_total",
    "Pods that were scheduled after they had waited five minutes for an event.",
)
_PREEMPTIONS = counter(
    "scheduler_preemption_attempts_total", "Attempts to preempt pods for one that fits nowhere."
)
_VICTIMS = histogram("scheduler_preemption_victims", "Victims of a preemption.", buckets=_double(1, 7))
_INCOMING = counter(
    "scheduler_queue_incoming_pods_total",
    "Pods that came into a queue, by queue and event.",
    ["queue", "event"],
)
_PENDING = gauge("scheduler_pending_pods", "Pods that wait for a node, by queue.", ["queue"])
_UNSCHEDULABLE = gauge(
    "scheduler_unschedulable_pods",
    "Unschedulable pods by plugin. A pod counts for all plugins that rejected it.",
    ["plugin", "profile"],
)
_TASKS = gauge(
    "scheduler_goroutines", "Tasks that run beside the scheduling of pods, by their work.", ["operation"]
)
_EVENTS = histogram(
    "scheduler_event_handling_duration_seconds",
    "Seconds that an event of the cluster takes.",
    ["event"],
    _double(0.0001, 12),
)
_CACHE_SIZE = gauge("scheduler_cache_size", "Nodes and pods that the scheduler knows.", ["type"])
_HINTS = histogram(
    "scheduler_queueing_hint_execution_duration_seconds",
    "Seconds that a queueing hint takes.",
    ["plugin", "event", "hint"],
    _PLUGIN_BUCKETS,
)
_PERMIT_WAIT = histogram(
    "scheduler_permit_wait_duration_seconds",
    "Seconds that pods wait in Permit.",
    ["result"],
    _double(0.001, 15),
)
_POINTS = histogram(
    "scheduler_framework_extension_point_duration_seconds",
    "Seconds that all plugins of an extension point take.",
    ["extension_point", "status", "profile"],
    _double(0.0001, 12),
)
_PLUGINS = histogram(
    "scheduler_plugin_execution_duration_seconds",
    "Seconds that a plugin takes at an extension point, measured for one pod of ten.",
    ["plugin", "extension_point", "status"],
    _PLUGIN_BUCKETS,
)


class _Collector(Collector):
    """Counts that are kept as plain numbers, since they change for each pod and plugin."""

    def __init__(self) -> None:
        self.evaluations: dict[tuple[str, str, str], int] = {}
        self.count_in_flight: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterator[Metric]:
        yield self._collect_evaluations()
        in_flight = GaugeMetricFamily(
            "scheduler_inflight_events",
            "Events that came while pods are being scheduled, and these pods (PodPopped).",
            labels=["event"],
        )
        for event, count in self.count_in_flight().items():
            in_flight.add_metric([event], count)
        yield in_flight

    def _collect_evaluations(self) -> Metric:
        family = CounterMetricFamily(
            "scheduler_plugin_evaluation",
            "Pods for which a plugin ran at PreFilter, Filter, PreScore or Score.",
            labels=["plugin", "extension_point", "profile"],
        )
        for labels, count in list(self.evaluations.items()):
            family.add_metric(labels, count)
        return family


_COLLECTOR: Final = _Collector()
REGISTRY.register(_COLLECTOR)


def record_evaluation(plugin: str, point: str, profile: str) -> None:
    """Count a run of a plugin for a pod. A filter or score counts once for all nodes."""
    key = (plugin, point, profile)
    evaluations = _COLLECTOR.evaluations
    evaluations[key] = evaluations.get(key, 0) + 1


@cache
def _get_event(event: str) -> Histogram:
    return _EVENTS.labels(event)


def record_event(event: str, seconds: float) -> None:
    _get_event(event).observe(seconds)


@cache
def _get_attempt(result: str, profile: str) -> tuple[Counter, Histogram]:
    return _ATTEMPTS.labels(result, profile), _DURATION.labels(result, profile)


def record_attempt(result: str, profile: str, seconds: float) -> None:
    """Record an attempt. `result`: scheduled, unschedulable or error."""
    attempts, duration = _get_attempt(result, profile)
    attempts.inc()
    duration.observe(seconds)


def record_algorithm(seconds: float) -> None:
    _ALGORITHM.observe(seconds)


@cache
def _get_sli(attempts: str) -> Histogram:
    return _SLI.labels(attempts)


def record_scheduled_pod(attempts: int, seconds: float, *, flushed: bool) -> None:
    """Record a scheduled pod.

    `seconds`: since the pod came into the queue. `flushed`: whether its last attempt came without an
    event.
    """
    _TRIES.observe(attempts)
    _get_sli("15+" if attempts >= 15 else str(attempts)).observe(seconds)
    if flushed:
        _FLUSHED.inc()


def record_preemption_attempt() -> None:
    _PREEMPTIONS.inc()


def record_victims(count: int) -> None:
    _VICTIMS.observe(count)


@cache
def _get_incoming(queue: str, event: str) -> Counter:
    return _INCOMING.labels(queue, event)


def record_incoming(queue: str, event: str) -> None:
    """Count a pod that enters a queue: active, backoff or unschedulable."""
    _get_incoming(queue, event).inc()


@cache
def _get_unschedulable(plugin: str, profile: str) -> Gauge:
    return _UNSCHEDULABLE.labels(plugin, profile)


def change_unschedulable(plugin: str, profile: str, difference: int) -> None:
    _get_unschedulable(plugin, profile).inc(difference)


@cache
def _get_hint(plugin: str, event: str, answer: str) -> Histogram:
    return _HINTS.labels(plugin, event, answer)


def record_hint(plugin: str, event: str, answer: str, seconds: float) -> None:
    _get_hint(plugin, event, answer).observe(seconds)


def record_permit_wait(result: str, seconds: float) -> None:
    _PERMIT_WAIT.labels(result).observe(seconds)


@cache
def _get_point(point: str, status: str, profile: str) -> Histogram:
    return _POINTS.labels(point, status, profile)


def record_extension_point(point: str, status: str, profile: str, seconds: float) -> None:
    _get_point(point, status, profile).observe(seconds)


@cache
def _get_plugin(plugin: str, point: str, status: str) -> Histogram:
    return _PLUGINS.labels(plugin, point, status)


def record_plugin(plugin: str, point: str, status: str, seconds: float) -> None:
    _get_plugin(plugin, point, status).observe(seconds)


def publish_sizes(
    count_pending: Callable[[], Mapping[str, int]],
    sizes: Mapping[str, Callable[[], int]],
    count_in_flight: Callable[[], Mapping[str, int]],
    count_bindings: Callable[[], int],
) -> None:
    """Publish gauges that are computed when they are read. `sizes`: of the cache, by type."""
    _COLLECTOR.count_in_flight = count_in_flight
    _TASKS.labels("binding").set_function(count_bindings)
    for queue in ("active", "backoff", "unschedulable", "gated"):
        _PENDING.labels(queue).set_function(partial(_get_size, count_pending, queue))
    for kind, size in sizes.items():
        _CACHE_SIZE.labels(kind).set_function(size)


def _get_size(count_pending: Callable[[], Mapping[str, int]], queue: str) -> int:
    return count_pending()[queue]
