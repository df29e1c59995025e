"""Metrics that are read at a scrape: the build and the size of etcd's database.

Source: component-base/metrics/version.go, apiserver/pkg/storage/etcd3/metrics/metrics.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric

from kprov.kube.apiserver.handlers.documents import build_version
from kprov.kube.component_base import build_info

#: Labels, and the fields of /version with their values.
_BUILD: Final = {
    "major": "major",
    "minor": "minor",
    "git_version": "gitVersion",
    "git_commit": "gitCommit",
    "git_tree_state": "gitTreeState",
    "build_date": "buildDate",
    "go_version": "goVersion",
    "compiler": "compiler",
    "platform": "platform",
}
#: The server has one storage; upstream labels several.
_STORAGE: Final = "etcd-0"


class ScrapeMetrics:
    """`register` adds them to /metrics."""

    def __init__(self, size: Callable[[], Awaitable[int | None]]) -> None:
        """size: returns the size of etcd's database in bytes, None if etcd does not answer."""
        self._size = size
        self._bytes: int | None = None
        self._build: dict[str, str] | None = None

    def register(self) -> None:
        REGISTRY.register(self)

    async def refresh(self) -> None:
        """Read the values. Call it before each scrape."""
        if self._build is None:
            self._build = build_version(await asyncio.to_thread(build_info.get_build_info))
        self._bytes = await self._size()

    def describe(self) -> Iterable[Metric]:
        """No families: registration must not collect."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Called by prometheus-client at each scrape."""
        if self._build is not None:
            build = GaugeMetricFamily(
                "kubernetes_build_info",
                "[BETA] A metric with a constant '1' value labeled by major, minor, git version, git commit, "
                "git tree state, build date, Go version, and compiler from which Kubernetes was built, and "
                "platform on which it is running.",
                labels=list(_BUILD),
            )
            build.add_metric([self._build[field] for field in _BUILD.values()], 1)
            yield build
        if self._bytes is not None:
            size = GaugeMetricFamily(
                "apiserver_storage_size_bytes",
                "[STABLE] Size of the storage database file physically allocated in bytes.",
                labels=("storage_cluster_id",),
            )
            size.add_metric((_STORAGE,), self._bytes)
            yield size
