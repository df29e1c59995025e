"""Metrics under upstream's names, in prometheus-client's default registry.

SYNCS = metrics.counter("workqueue_adds_total", "...", ["name"])
SYNCS.labels(name="deployment").inc()
"""

import asyncio
import copy
from collections.abc import Iterator, Sequence
from itertools import accumulate
from time import thread_time
from typing import Final

from kprov.kube.component_base.prometheus import (
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)

# Upstream publishes no *_created series.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: `render_in_steps` lets other tasks run after so many seconds, and formats so many samples at once.
_STEP_SECONDS: Final = 0.005
_SAMPLES_AT_ONCE: Final = 200

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


async def render_in_steps() -> bytes:
    """As `render`, but other tasks run in between: thousands of lines take 0.2 s.

    A collector may yield a large family in several parts with the same name, one after the other.
    """
    parts: list[bytes] = []
    name, begin = "", thread_time()
    for family in REGISTRY.collect():
        for part in _split_family(family):
            text = generate_latest(_OneFamily(part))
            if family.name == name:
                # The name, the help and the type come once.
                text = text.split(b"\n", 2)[2]
            name = family.name
            parts.append(text)
            if thread_time() - begin > _STEP_SECONDS:
                await asyncio.sleep(0)
                begin = thread_time()
    return b"".join(parts)


def _split_family(family: Metric) -> Iterator[Metric]:
    """Yield the family in parts. Not those with times of creation, which stand in families of their own."""
    samples = family.samples
    if len(samples) <= _SAMPLES_AT_ONCE or any(sample.name.endswith("_created") for sample in samples):
        yield family
        return
    for start in range(0, len(samples), _SAMPLES_AT_ONCE):
        part = copy.copy(family)
        part.samples = samples[start : start + _SAMPLES_AT_ONCE]
        yield part


class _OneFamily:
    """A registry of one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. prometheus-client calls it."""
        yield self._family
