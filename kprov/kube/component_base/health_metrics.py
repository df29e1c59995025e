"""The results of health checks, for /metrics/slis."""

from collections.abc import Mapping

from kprov.kube.component_base.prometheus import CollectorRegistry, Counter, Gauge, generate_latest


class HealthMetrics:
    """Counts results. They have a registry of their own, as upstream's."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._last = Gauge(
            "kubernetes_healthcheck",
            "[STABLE] This metric records the result of a single healthcheck.",
            ("name", "type"),
            registry=self._registry,
        )
        self._all = Counter(
            "kubernetes_healthchecks_total",
            "[STABLE] This metric records the results of all healthcheck.",
            ("name", "type", "status"),
            registry=self._registry,
        )

    def count(self, base: str, results: Mapping[str, str | None]) -> bool:
        """Count results by name, None if healthy. base: livez, for example. Returns whether any failed."""
        for name, reason in results.items():
            self._last.labels(name, base).set(reason is None)
            self._all.labels(name, base, "success" if reason is None else "error").inc()
        return any(reason is not None for reason in results.values())

    def render(self) -> bytes:
        """Return the results so far in Prometheus' text format."""
        return generate_latest(self._registry)
