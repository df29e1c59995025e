"""Counts and durations of requests under upstream's names. A scrape builds the metric families.

A request costs one dictionary lookup and three additions.
Source: apiserver/pkg/endpoints/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from kprov.kube.apiserver.handlers import deprecated_resources
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.component_base import metrics
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.component_base.prometheus import (
    REGISTRY,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

_BOUNDS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
_SIZES: Final = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9)
#: The buckets of the histogram that has fewer of them.
_SLI_BOUNDS: Final = _BOUNDS[2:]
#: The label of verbs that are not reported in capitals.
_VERBS: Final = {"create": "POST", "update": "PUT", "deletecollection": "DELETE"}
_PLACE: Final = ("group", "version", "resource", "subresource", "scope", "component")
_LABELS: Final = ("verb", "dry_run", *_PLACE)
_MOST: Final = 5000
#: Label values of one part of a histogram.
_AT_ONCE: Final = 100
_CONNECTS: Final = frozenset({"exec", "attach", "portforward", "proxy", "log"})
_SELECTING: Final = frozenset({"list", "watch", "deletecollection"})
_APPLY: Final = "application/apply-patch+yaml"
_COMPONENT: Final = "apiserver"
_DISCOVERY: Final = {"/api": "api", "/apis": "apis"}

#: Verb, dry run, group, version, resource, subresource, scope, component, code.
_Key = tuple[str, str, str, str, str, str, str, str, int]


def find_metrics_label(path: str, answer: BaseResponse) -> str | None:
    """Return the value of the label resource for a discovery document; None for paths not counted."""
    if path == "/openapi/v3":
        return "openapi/v3"
    if path.startswith("/openapi/v3/"):
        return "openapi/v3/"
    # Only aggregated discovery has an ETag.
    return _DISCOVERY.get(path) if "ETag" in answer.headers else None


class RequestMetrics:
    """The request metrics of this process; `register` adds them to /metrics."""

    def __init__(self) -> None:
        self._entries: dict[_Key, list[float]] = {}
        #: The difference that the time in queues makes to `_entries`.
        self._waits: dict[_Key, list[float]] = {}
        self._dropped: dict[_Key, float] = {}
        #: The sizes of responses to get and list, by labels.
        self._sizes: dict[tuple[str, ...], list[float]] = {}
        #: Requests that run now: reads, writes, and long-running ones by labels.
        self.reading = 0
        self.writing = 0
        self._long: dict[tuple[str, ...], int] = {}
        self._objects: Callable[[], Iterable[tuple[str, str, int, int]]] = tuple

    def register(self, objects: Callable[[], Iterable[tuple[str, str, int, int]]]) -> None:
        """objects: returns (group, plural, number of stored objects, received changes) of each resource."""
        self._objects = objects
        REGISTRY.register(self)

    def count(self, request: Request, info: RequestInfo, code: int, seconds: float) -> None:
        """Count a request that a handler has answered, by request.metrics_label and info."""
        key = _build_key(request, info, code)
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= _MOST:
                return
            entry = self._entries[key] = [0.0] * (len(_BOUNDS) + 2)
        index = bisect_left(_BOUNDS, seconds)
        entry[index] += 1
        entry[-1] += seconds
        ticket = request.ticket
        if ticket is not None and ticket.waited:
            more = self._waits.setdefault(key, [0.0] * (len(_BOUNDS) + 2))
            more[index] -= 1
            more[bisect_left(_BOUNDS, seconds - ticket.waited)] += 1
            more[-1] -= ticket.waited

    def count_dropped(self, request: Request, info: RequestInfo) -> None:
        """Count a request that priority and fairness rejected."""
        key = _build_key(request, info, 429)
        if key in self._dropped or len(self._dropped) < _MOST:
            self._dropped[key] = self._dropped.get(key, 0) + 1

    def count_size(self, place: str, info: RequestInfo, size: int) -> None:
        """Count the body size of a response to get or list, whatever its code."""
        key = (info.verb, *_build_labels(place, info))
        entry = self._sizes.get(key)
        if entry is None:
            if len(self._sizes) >= _MOST:
                return
            entry = self._sizes[key] = [0.0] * (len(_SIZES) + 2)
        entry[bisect_left(_SIZES, size)] += 1
        entry[-1] += size

    def begin_long(self, info: RequestInfo, query: Mapping[str, str]) -> tuple[str, ...]:
        """Count the start of a watch or a connection. Pass the result to `end_long`."""
        scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
        verb = _format_verb(info.verb, info.subresource)
        if verb == "WATCH" and query.get("watch", "0").lower() in {"0", "false"}:
            # A /watch/ path, which upstream does not look at here.
            verb = "GET" if scope == "resource" else "LIST"
        place = (info.api_group, info.api_version, info.resource, info.subresource, scope, _COMPONENT)
        key = (verb, *place)
        self._long[key] = self._long.get(key, 0) + 1
        return key

    def end_long(self, key: tuple[str, ...]) -> None:
        self._long[key] -= 1

    def describe(self) -> Iterable[Metric]:
        """No families: registration must not collect."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics. prometheus-client calls it at each scrape."""
        total = CounterMetricFamily(
            "apiserver_request_total",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, "
            "resource, scope, component, and HTTP response code.",
            labels=(*_LABELS, "code"),
        )
        sums: dict[tuple[str, ...], list[float]] = {}
        slis: dict[tuple[str, ...], list[float]] = {}
        counts: dict[tuple[str, ...], float] = {}
        for (verb, *rest, code), entry in self._entries.items():
            labels = (_format_verb(verb, rest[4]), *rest)
            coded = (*labels, str(code))
            counts[coded] = counts.get(coded, 0) + sum(entry[:-1])
            _add(sums, labels, entry)
        for (verb, *rest, code), number in self._dropped.items():
            coded = (_format_verb(verb, rest[4]), *rest, str(code))
            counts[coded] = counts.get(coded, 0) + number
        for coded, number in counts.items():
            total.add_metric(coded, number)
        yield total
        yield from _build_histogram(
            sums,
            "apiserver_request_duration_seconds",
            "[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, "
            "resource, subresource, scope and component.",
        )
        for part in (self._entries, self._waits):
            for (verb, dry, *rest, _), entry in part.items():
                if not dry and verb != "watch":
                    _add(slis, (_format_verb(verb, rest[3]), *rest), [sum(entry[:3]), *entry[3:]])
        yield from _build_histogram(
            slis,
            "apiserver_request_sli_duration_seconds",
            "[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness "
            "queue wait times) in seconds for each verb, group, version, resource, subresource, scope and "
            "component.",
            ("verb", *_PLACE),
            _SLI_BOUNDS,
        )
        yield self._collect_sizes()
        yield self._collect_deprecated()
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
            labels=("verb", *_PLACE),
        )
        for key, count in self._long.items():
            running.add_metric(key, count)
        yield running
        yield from self._collect_objects()

    def _collect_sizes(self) -> Metric:
        family = HistogramMetricFamily(
            "apiserver_response_sizes",
            "[STABLE] Response size distribution in bytes for each group, version, verb, resource, "
            "subresource, scope and component.",
            labels=("verb", *_PLACE),
        )
        for (verb, *place), entry in self._sizes.items():
            family.add_metric(
                (_format_verb(verb, place[3]), *place),
                metrics.accumulate_buckets(_SIZES, entry),
                sum_value=entry[-1],
            )
        return family

    def _collect_deprecated(self) -> Metric:
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

    def _collect_objects(self) -> Iterable[Metric]:
        text = (
            "Number of stored objects at the time of last check split by kind. In case of a fetching error, "
            "the value will be -1."
        )
        deprecation = (
            "(Deprecated since 1.34.0) [DEPRECATED, consider using apiserver_resource_objects instead]"
        )
        old = GaugeMetricFamily(
            "apiserver_storage_objects", f"[STABLE] {deprecation} {text}", labels=("resource",)
        )
        new = GaugeMetricFamily("apiserver_resource_objects", f"[ALPHA] {text}", labels=("group", "resource"))
        events = CounterMetricFamily(
            "apiserver_storage_events_received_total",
            "[BETA] Number of etcd events received split by kind.",
            labels=("group", "resource"),
        )
        for group, plural, count, received in self._objects():
            if received:
                events.add_metric((group, plural), received)
            old.add_metric((f"{plural}.{group}" if group else plural,), count)
            new.add_metric((group, plural), count)
        yield old
        yield new
        yield events


def _build_histogram(
    sums: Mapping[tuple[str, ...], list[float]],
    name: str,
    text: str,
    labels: Sequence[str] = _LABELS,
    bounds: Sequence[float] = _BOUNDS,
) -> Iterable[Metric]:
    """In parts, between which other requests run: see render_in_steps."""
    entries = iter(list(sums.items()))
    while part := list(islice(entries, _AT_ONCE)):
        family = HistogramMetricFamily(name, text, labels=labels)
        for values, entry in part:
            family.add_metric(values, metrics.accumulate_buckets(bounds, entry), sum_value=entry[-1])
        yield family


def _add(sums: dict[tuple[str, ...], list[float]], labels: tuple[str, ...], entry: Sequence[float]) -> None:
    have = sums.setdefault(labels, [0.0] * len(entry))
    for index, value in enumerate(entry):
        have[index] += value


def _build_key(request: Request, info: RequestInfo, code: int) -> _Key:
    query = request.query
    dry = ""
    if "dryRun" in query:
        dry = "All" if all(value == "All" for value in query.getall("dryRun")) else "invalid"
    verb = info.verb
    if verb == "patch" and request.headers.get("Content-Type") == _APPLY:
        verb = "apply"
    elif request.metrics_label:
        verb = "get" if verb in {"get", "head"} else verb
    return (verb, dry, *_build_labels(request.metrics_label, info), code)


def _build_labels(place: str | None, info: RequestInfo) -> tuple[str, str, str, str, str, str]:
    if place:
        return "", "", "", place, "", _COMPONENT if place in {"api", "apis"} else ""
    return info.api_group, info.api_version, info.resource, info.subresource, _find_scope(info), _COMPONENT


def _format_verb(verb: str, subresource: str) -> str:
    if subresource in _CONNECTS:
        return "CONNECT"
    return _VERBS.get(verb) or verb.upper()


def _find_scope(info: RequestInfo) -> str:
    """Return the scope of the route; a name in a field selector does not change it."""
    verb = info.verb
    if verb == "create":
        return "resource"
    if info.name and (
        verb not in _SELECTING
        or (verb == "watch" and not any(name == "metadata.name" for name, _ in info.selected_fields))
    ):
        return "resource"
    return "namespace" if info.namespace else "cluster" if info.is_resource_request else ""
