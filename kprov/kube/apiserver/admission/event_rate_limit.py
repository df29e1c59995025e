"""EventRateLimit: limits how many events are written in a second, in all or by namespace, user or object.

A worker process of the API server counts its own requests, as an API server does among several.
Source: upstream plugin/pkg/admission/eventratelimit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from kprov.kube.apiserver.admission.configuration import (
    ConfigurationError,
    WantsConfiguration,
    check_configuration,
)
from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.component_base.rate_limit import TokenBucket
from kprov.kube.machinery import status
from kprov.kube.machinery.field import FieldError, invalid, not_supported
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.key_bounds import SHORT

_KINDS: Final = {"eventratelimit.admission.k8s.io/v1alpha1": "Configuration"}
_SHAPE: Final = {"limits": [{"type": str, "qps": int, "burst": int, "cacheSize": int}]}
_DEFAULT_CACHE_SIZE: Final = 4096
_SERVER: Final = "Server"
_OBJECT_FIELDS: Final = ("kind", "namespace", "name", "uid", "apiVersion")


def _make_source_and_object_key(attributes: Attributes) -> str:
    """Return the key of an event, of either group: events.k8s.io has other names for the same fields."""
    event = attributes.obj or {}
    source = event.get("source") or event.get("deprecatedSource") or {}
    involved = event.get("involvedObject") or event.get("regarding") or {}
    parts = [source.get("component"), source.get("host"), *(involved.get(name) for name in _OBJECT_FIELDS)]
    return "".join(part or "" for part in parts)


_KEYS: Final[dict[str, Callable[[Attributes], str]]] = {
    _SERVER: lambda _: "",
    "Namespace": lambda attributes: attributes.namespace,
    "User": lambda attributes: attributes.context.user.name,
    "SourceAndObject": _make_source_and_object_key,
}


class _Limit:
    """The buckets of one type of limit. The least recently used ones are dropped."""

    def __init__(self, kind: str, qps: int, burst: int, cache_size: int) -> None:
        self._kind, self._qps, self._burst = kind, qps, burst
        self._size = cache_size or _DEFAULT_CACHE_SIZE
        self._make_key = _KEYS[kind]
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def find_problem(self, attributes: Attributes) -> str:
        """Take a token for the event. Return why there is none, or ""."""
        key = self._make_key(attributes)
        # The object is not validated yet: its names may have any length.
        kept = key if len(key) <= SHORT else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        bucket = self._buckets.get(kept)
        if bucket is None:
            bucket = self._buckets[kept] = TokenBucket(self._qps, self._burst)
            if len(self._buckets) > self._size:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(kept)
        return "" if bucket.try_take() else f"limit reached on type {self._kind} for key {key}"


class EventRateLimit(WantsConfiguration):
    name = "EventRateLimit"
    resources = frozenset({("", "events"), ("events.k8s.io", "events")})

    def __init__(self) -> None:
        self._limits: Sequence[_Limit] = ()

    def configure(self, source: JsonMapping) -> None:
        """Read the limits. Raise ConfigurationError."""
        check_configuration(source, self.name, _KINDS, _SHAPE)
        limits = source.get("limits") or []
        problems = _find_problems(limits)
        if problems:
            raise ConfigurationError(f"configuration of {self.name}: {'; '.join(problems)}")
        self._limits = [
            _Limit(limit["type"], limit["qps"], limit["burst"], limit.get("cacheSize", 0)) for limit in limits
        ]

    def configure_default(self) -> None:
        """Without limits the plugin would do nothing."""
        raise ConfigurationError(f"configuration of {self.name}: {_find_problems([])[0]}")

    async def validate(self, attributes: Attributes) -> None:
        """Reject an event that exceeds a limit. All limits count it, also if one rejects it."""
        # A dry run writes nothing to etcd.
        if attributes.context.dry_run:
            return
        problems = [problem for limit in self._limits if (problem := limit.find_problem(attributes))]
        if problems:
            text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise status.failure(429, "TooManyRequests", f"Too many requests: {text}")


def _find_problems(limits: Sequence[JsonMapping]) -> list[str]:
    """Return what upstream's validation finds wrong."""
    if not limits:
        return [_format(invalid("limits", None, "must not be empty"))]
    problems: list[FieldError] = []
    for index, limit in enumerate(limits):
        path = f"limits[{index}]"
        kind = limit.get("type", "")
        if kind not in _KEYS:
            problems.append(not_supported(f"{path}.type", kind, sorted(_KEYS)))
        problems += [
            invalid(f"{path}.{name}", limit.get(name, 0), "must be positive")
            for name in ("burst", "qps")
            if limit.get(name, 0) <= 0
        ]
        if kind != _SERVER and limit.get("cacheSize", 0) < 0:
            problems.append(invalid(f"{path}.cacheSize", limit["cacheSize"], "must not be negative"))
    return [_format(problem) for problem in problems]


def _format(problem: FieldError) -> str:
    return f"{problem.field}: {problem.detail}"
