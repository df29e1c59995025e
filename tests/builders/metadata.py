"""Metadata of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.json_object import JsonObject


def build_metadata(
    name: str,
    more: Mapping[str, Any] | None = None,
    *,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
) -> JsonObject:
    """Return metadata without the fields that are empty. more: further fields, which win."""
    metadata: JsonObject = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
    return {key: value for key, value in metadata.items() if value} | dict(more or {})
