"""Metrics that are read at a scrape: the build and the size of etcd's database.

Source: component-base/metrics/version.go, apiserver/pkg/storage/etcd3/metrics/metrics.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from kprov.kube.component_base import build_info
from kprov.kube.component_base.build_metric import build_version, make_build_family
from kprov.kube.component_base.prometheus import REGISTRY, GaugeMetricFamily, Metric

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
        """Yield the metrics. prometheus-client calls it at each scrape."""
        if self._build is not None:
            yield make_build_family(self._build)
        if self._bytes is not None:
            size = GaugeMetricFamily(
                "apiserver_storage_size_bytes",
                "[STABLE] Size of the storage database file physically allocated in bytes.",
                labels=("storage_cluster_id",),
            )
            size.add_metric((_STORAGE,), self._bytes)
            yield size
