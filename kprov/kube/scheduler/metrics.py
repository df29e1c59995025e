"""Metrics under upstream's names."""

from __future__ import annotations

from kprov.kube.component_base.metrics import counter, histogram

_ATTEMPTS = counter(
    "scheduler_schedule_attempts_total", "Attempts to schedule pods, by result.", ["result", "profile"]
)
_DURATION = histogram(
    "scheduler_scheduling_attempt_duration_seconds",
    "Seconds from taking a pod to its binding.",
    labels=["result", "profile"],
)
_TRIES = histogram("scheduler_pod_scheduling_attempts", "Attempts that a scheduled pod took.")
_PREEMPTIONS = counter(
    "scheduler_preemption_attempts_total", "Attempts to preempt pods for one that fits nowhere."
)
_VICTIMS = histogram(
    "scheduler_preemption_victims", "Victims of a preemption.", buckets=(1, 2, 4, 8, 16, 32, 64)
)


def record_attempt(result: str, profile: str, seconds: float) -> None:
    """result: scheduled, unschedulable or error."""
    _ATTEMPTS.labels(result, profile).inc()
    _DURATION.labels(result, profile).observe(seconds)


def record_scheduled_pod(attempts: int) -> None:
    _TRIES.observe(attempts)


def record_preemption_attempt() -> None:
    _PREEMPTIONS.inc()


def record_victims(count: int) -> None:
    _VICTIMS.observe(count)
