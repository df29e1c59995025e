"""Defaults of jobs.

Source: upstream pkg/apis/batch/v1/defaults.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.machinery.json_object import JsonObject

_INT32_MAX: Final = 2**31 - 1


def default_job_spec(spec: JsonObject) -> None:
    """Set the defaults of a job's spec."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    set_default(spec, "parallelism", 1)
    set_default(spec, "backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else _INT32_MAX)
    set_default(spec, "completionMode", "NonIndexed")
    set_default(spec, "suspend", False)
    set_default(
        spec, "podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    )
    set_default(spec, "manualSelector", False)
    default_pod_failure_policy(spec)


def default_pod_failure_policy(spec: JsonObject) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern["status"] = pattern.get("status") or "True"
