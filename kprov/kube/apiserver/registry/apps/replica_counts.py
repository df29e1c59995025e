"""Counts of replicas in the status of workloads.

Source: upstream pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def check_at_most_replicas(status: JsonObject, *parts: str) -> Errors:
    for part in parts:
        if (status.get(part) or 0) > (status.get("replicas") or 0):
            yield field.invalid(
                f"status.{part}", status.get(part, 0), "cannot be greater than status.replicas"
            )


def check_available_are_ready(status: JsonObject, shown: str) -> Errors:
    if (status.get("availableReplicas") or 0) > (status.get("readyReplicas") or 0):
        path = "status.availableReplicas"
        yield field.invalid(path, status["availableReplicas"], f"cannot be greater than {shown}")


def check_collision_count(status: JsonObject, old: JsonObject) -> Errors:
    count, before = status.get("collisionCount"), (old.get("status") or {}).get("collisionCount")
    if before is not None and (count is None or count < before):
        yield field.invalid("status.collisionCount", count or 0, "cannot be decremented")
