"""Metrics under upstream's names, in prometheus-client's default registry.

SYNCS = metrics.counter("workqueue_adds_total", "...", ["name"])
SYNCS.labels(name="deployment").inc()
"""

from collections.abc import Sequence
from itertools import accumulate

from kprov.kube.component_base.prometheus import (
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

# Upstream publishes no *_created series.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Buckets upstream uses for workqueue_* durations, seconds.
QUEUE_BUCKETS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10)


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, text, labels)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(name, text, labels)


def histogram(
    name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS
) -> Histogram:
    return Histogram(name, text, labels, buckets=tuple(buckets))


def accumulate_buckets(bounds: Sequence[float], entry: Sequence[float]) -> list[tuple[str, float]]:
    """Cumulative buckets of a histogram. entry: a count for each bound and for +Inf, then the sum."""
    names = (*(f"{bound:g}" for bound in bounds), "+Inf")
    return list(zip(names, accumulate(entry[:-1]), strict=True))


def render() -> bytes:
    """All metrics of the process in Prometheus' text format."""
    return generate_latest(REGISTRY)
