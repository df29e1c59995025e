"""Objects that make pods of a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.builders.containers import build_template
from tests.builders.metadata import build_metadata


def build_deployment(
    name: str = "web",
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> JsonObject:
    """Return a deployment. labels: of its pods, `app` and its name without any."""
    return _build_workload("Deployment", build_metadata(name, metadata), labels, spec)


def build_replica_set(
    name: str = "web",
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> JsonObject:
    """Return a replica set. labels: of its pods, `app` and its name without any."""
    return _build_workload("ReplicaSet", build_metadata(name, metadata), labels, spec)


def build_stateful_set(
    name: str = "web",
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> JsonObject:
    """Return a stateful set. labels: of its pods, `app` and its name without any."""
    return _build_workload(
        "StatefulSet", build_metadata(name, metadata), labels, {"serviceName": name} | spec
    )


def _build_workload(
    kind: str, metadata: JsonObject, labels: Mapping[str, str] | None, spec: JsonObject
) -> JsonObject:
    labels = labels or {"app": metadata["name"]}
    selector = {"matchLabels": dict(labels)}
    whole = {"selector": selector, "template": build_template(labels)} | spec
    return {"kind": kind, "apiVersion": "apps/v1", "metadata": metadata, "spec": whole}
