"""Requests counted and timed under upstream's names; the text is made when someone scrapes.

A request costs one look-up and three additions. Source: apiserver/pkg/endpoints/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from kprov.kube.apiserver import deprecated_resources
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.component_base import metrics

_BOUNDS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
_SIZES: Final = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9)
_VERBS: Final = {"create": "POST", "update": "PUT"}
_LABELS: Final = ("verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component")
_MOST: Final = 5000
_CONNECTS: Final = frozenset({"exec", "attach", "portforward", "proxy"})

#: info.verb, dry run, group, version, resource, subresource, scope, code.
_Key = tuple[str, str, str, str, str, str, str, int]


class RequestMetrics:
    """One for the process; register() makes it part of /metrics."""

    def __init__(self) -> None:
        self._entries: dict[_Key, list[float]] = {}
        #: Of gets and lists that have been answered, by what they are of.
        self._sizes: dict[tuple[str, ...], list[float]] = {}
        #: Running now: reading, writing, and by labels those that go on long.
        self.reading = 0
        self.writing = 0
        self._long: dict[tuple[str, ...], int] = {}
        self._objects: Callable[[], Iterable[tuple[str, str, int]]] = tuple

    def register(self, objects: Callable[[], Iterable[tuple[str, str, int]]]) -> None:
        """objects: gives (group, plural, how many are stored) of each resource."""
        self._objects = objects
        REGISTRY.register(self)

    def count(self, info: RequestInfo, code: int, seconds: float, dry_run: str = "", verb: str = "") -> None:
        """A request that has been answered. verb: where it is another than info's."""
        scope = _scope(info) if info.is_resource_request else ""
        key = (
            verb or info.verb, dry_run, info.api_group, info.api_version, info.resource, info.subresource,
            scope, code,
        )  # fmt: skip
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= _MOST:
                return
            entry = self._entries[key] = [0.0] * (len(_BOUNDS) + 2)
        entry[bisect_left(_BOUNDS, seconds)] += 1
        entry[-1] += seconds

    def count_size(self, info: RequestInfo, size: int) -> None:
        """The bytes of the answer to a get or list, whatever its code."""
        key = (info.verb, info.api_group, info.api_version, info.resource, info.subresource, _scope(info))
        entry = self._sizes.get(key)
        if entry is None:
            if len(self._sizes) >= _MOST:
                return
            entry = self._sizes[key] = [0.0] * (len(_SIZES) + 2)
        entry[bisect_left(_SIZES, size)] += 1
        entry[-1] += size

    def began(self, info: RequestInfo) -> tuple[str, ...]:
        """A watch or a connection; give what it returns to `ended`."""
        key = (_verb(info.verb, info.subresource), *_place(info))
        self._long[key] = self._long.get(key, 0) + 1
        return key

    def ended(self, key: tuple[str, ...]) -> None:
        self._long[key] -= 1

    def describe(self) -> Iterable[Metric]:
        """None, so that registering asks for nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """For prometheus-client."""
        total = CounterMetricFamily(
            "apiserver_request_total",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, "
            "resource, scope, component, and HTTP response code.",
            labels=(*_LABELS, "code"),
        )
        sums: dict[tuple[str, ...], list[float]] = {}
        for (verb, dry, group, version, resource, sub, scope, code), entry in self._entries.items():
            labels = (
                _verb(verb, sub), dry, group, version, resource, sub, scope, "apiserver",
            )  # fmt: skip
            total.add_metric((*labels, str(code)), sum(entry[:-1]))
            if verb != "watch":
                have = sums.setdefault(labels, [0.0] * len(entry))
                for index, value in enumerate(entry):
                    have[index] += value
        yield total
        yield _histogram(
            sums, "apiserver_request_duration_seconds", "[STABLE] Response latency distribution in seconds"
        )
        yield self._answered_sizes()
        yield self._deprecated()
        inflight = GaugeMetricFamily(
            "apiserver_current_inflight_requests",
            "[STABLE] Maximal number of currently used inflight request limit of this apiserver per request "
            "kind in last second.",
            labels=("request_kind",),
        )
        inflight.add_metric(("mutating",), self.writing)
        inflight.add_metric(("readOnly",), self.reading)
        yield inflight
        running = GaugeMetricFamily(
            "apiserver_longrunning_requests",
            "[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, "
            "version, resource, scope and component. Not all requests are tracked this way.",
            labels=("verb", "group", "version", "resource", "subresource", "scope", "component"),
        )
        for key, count in self._long.items():
            running.add_metric(key, count)
        yield running
        yield from self._stored()

    def _answered_sizes(self) -> Metric:
        family = HistogramMetricFamily(
            "apiserver_response_sizes",
            "[STABLE] Response size distribution in bytes for each group, version, verb, resource, "
            "subresource, scope and component.",
            labels=("verb", "group", "version", "resource", "subresource", "scope", "component"),
        )
        for (verb, *place), entry in self._sizes.items():
            family.add_metric(
                (verb.upper(), *place, "apiserver"), metrics.cumulated(_SIZES, entry), sum_value=entry[-1]
            )
        return family

    def _deprecated(self) -> Metric:
        family = GaugeMetricFamily(
            "apiserver_requested_deprecated_apis",
            "[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, "
            "resource, subresource, and removed_release.",
            labels=("group", "version", "resource", "subresource", "removed_release"),
        )
        asked = {key[2:6] for key in self._entries if (key[2], key[4]) in deprecated_resources.WARNINGS}
        for place in sorted(asked):
            family.add_metric((*place, ""), 1)
        return family

    def _stored(self) -> Iterable[Metric]:
        text = "[STABLE] Number of stored objects at the time of last check split by kind."
        old = GaugeMetricFamily("apiserver_storage_objects", text, labels=("resource",))
        new = GaugeMetricFamily("apiserver_resource_objects", text, labels=("group", "resource"))
        for group, plural, count in self._objects():
            old.add_metric((f"{plural}.{group}" if group else plural,), count)
            new.add_metric((group, plural), count)
        yield old
        yield new


def _histogram(sums: Mapping[tuple[str, ...], list[float]], name: str, text: str) -> Metric:
    family = HistogramMetricFamily(name, text, labels=_LABELS)
    for labels, entry in sums.items():
        family.add_metric(labels, metrics.cumulated(_BOUNDS, entry), sum_value=entry[-1])
    return family


def _verb(verb: str, subresource: str) -> str:
    if subresource in _CONNECTS:
        return "CONNECT"
    return _VERBS.get(verb) or verb.upper()


def _place(info: RequestInfo) -> tuple[str, ...]:
    return (info.api_group, info.api_version, info.resource, info.subresource, _scope(info), "apiserver")


def _scope(info: RequestInfo) -> str:
    if info.name or info.verb == "create":
        return "resource"
    return "namespace" if info.namespace else "cluster"
