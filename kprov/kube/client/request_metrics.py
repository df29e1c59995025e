"""The rest_client_* metrics of client-go."""

from typing import Final

from kprov.kube.component_base import metrics

_REQUESTS: Final = metrics.counter(
    "rest_client_requests_total",
    "Number of HTTP requests, partitioned by status code, method, and host.",
    ["code", "host", "method"],
)
_SECONDS: Final = metrics.histogram(
    "rest_client_request_duration_seconds",
    "Request latency in seconds. Broken down by verb, and host.",
    ["host", "verb"],
    (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)


def observe_request(host: str, method: str, code: str, seconds: float) -> None:
    """code: "<error>" without a response. seconds: until the response's headers."""
    _REQUESTS.labels(code, host, method).inc()
    _SECONDS.labels(host, method).observe(seconds)
