"""DeleteOptions as an object: validated and decoded.

Source: apimachinery/pkg/apis/meta/v1/validation.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.request.query import check_dry_run
from kprov.kube.machinery import field, status
from kprov.kube.machinery.json_object import JsonObject

_POLICIES: Final = {"Foreground", "Background", "Orphan"}


def validate(obj: JsonObject) -> None:
    """Raise StatusError 422 for unknown values and for fields that exclude each other."""
    policy, orphan = obj.get("propagationPolicy"), obj.get("orphanDependents")
    errors = []
    if policy is not None and orphan is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(field.invalid("propagationPolicy", policy, text))
    if policy is not None and policy not in _POLICIES:
        supported = ["Foreground", "Background", "Orphan", "nil"]
        errors.append(field.not_supported("propagationPolicy", policy, supported))
    errors += check_dry_run(obj.get("dryRun") or [])
    if errors:
        raise status.invalid("meta.k8s.io", "DeleteOptions", "", errors)


def decode(obj: JsonObject) -> tuple[DeleteOptions, bool]:
    """Return the options, and whether it is a dry run. Validates nothing."""
    preconditions = obj.get("preconditions") or {}
    grace = obj.get("gracePeriodSeconds")
    options = DeleteOptions(
        grace_period_seconds=max(grace, 1 if grace < 0 else 0) if grace is not None else None,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        propagation_policy=obj.get("propagationPolicy"),
        orphan_dependents=obj.get("orphanDependents"),
        raw=obj,
    )
    return options, bool(obj.get("dryRun"))
