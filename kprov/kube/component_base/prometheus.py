"""What the components use of prometheus_client. They import it from here.

The library imports its web servers and its push gateway, and with them http.server, wsgiref, urllib.request
and email: 3.8 MiB of memory. No component uses these. So placeholders stand for those modules meanwhile.
"""

import sys
from types import ModuleType
from typing import Any, Final

__all__ = [
    "REGISTRY",
    "Collector",
    "CollectorRegistry",
    "Counter",
    "CounterMetricFamily",
    "Gauge",
    "GaugeMetricFamily",
    "Histogram",
    "HistogramMetricFamily",
    "Metric",
    "disable_created_metrics",
    "generate_latest",
]

_UNUSED: Final = ("http.server", "socketserver", "urllib.error", "urllib.request", "wsgiref.simple_server")


class _Placeholder(ModuleType):
    """A module that has an empty class for each name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


_placeholders: Final = {name: _Placeholder(name) for name in _UNUSED if name not in sys.modules}
sys.modules.update(_placeholders)
try:
    from prometheus_client import (
        REGISTRY,
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        Metric,
        disable_created_metrics,
        generate_latest,
    )
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.registry import Collector
finally:
    for _name in _placeholders:
        del sys.modules[_name]
