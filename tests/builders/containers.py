"""Containers of pods and of pod templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.json_object import JsonObject

IMAGE = "registry.k8s.io/pause:3.10"


def build_container(
    name: str = "c",
    *,
    image: str = IMAGE,
    requests: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    **fields: Any,
) -> JsonObject:
    """Return a container; it has resources if requests or limits are given."""
    resources = {key: dict(value) for key, value in (("requests", requests), ("limits", limits)) if value}
    return {"name": name, "image": image} | ({"resources": resources} if resources else {}) | fields


def build_template(labels: Mapping[str, str] | None = None, **spec: Any) -> JsonObject:
    """Return a pod template of one container, or of the `containers` given."""
    metadata = {"metadata": {"labels": dict(labels)}} if labels else {}
    return metadata | {"spec": {"containers": [build_container()]} | spec}
