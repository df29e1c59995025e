"""Metrics of policy checks, under upstream's names.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/metrics.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.admission.validating_admission_policy.decisions import Decision
from kprov.kube.component_base import metrics

_PREFIX: Final = "apiserver_validating_admission_policy_check"
_LABELS: Final = ("policy", "policy_binding", "error_type", "enforcement_action")
_CHECKS: Final = metrics.counter(
    f"{_PREFIX}_total",
    "[BETA] Validation admission policy check total, labeled by policy and further identified by binding and "
    "enforcement action taken.",
    _LABELS,
)
_DURATION: Final = metrics.histogram(
    f"{_PREFIX}_duration_seconds",
    "[BETA] Validation admission latency for individual validation expressions in seconds, labeled by policy "
    "and further including binding and enforcement action taken.",
    _LABELS,
    (0.0000005, 0.001, 0.01, 0.1, 1.0),
)


def record_check(policy: str, binding: str, decision: Decision, action: str) -> None:
    """Count an evaluation. action: allow, deny, audit or warn."""
    labels = (policy, binding, _find_error_type(decision), action)
    _CHECKS.labels(*labels).inc()
    _DURATION.labels(*labels).observe(decision.seconds)


def _find_error_type(decision: Decision) -> str:
    if not decision.is_error and not decision.is_denied:
        return "no_error"
    return "compile_error" if decision.message.startswith("compilation") else "invalid_error"
