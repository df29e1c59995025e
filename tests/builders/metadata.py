"""Metadata of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.json_object import JsonObject


def build_metadata(
    name: str, *, namespace: str = "", uid: str = "", labels: Mapping[str, str] | None = None, **fields: Any
) -> JsonObject:
    """Return metadata without the fields that are empty. fields: further ones."""
    metadata: JsonObject = {"name": name, "namespace": namespace, "uid": uid, "labels": dict(labels or {})}
    return {key: value for key, value in metadata.items() if value} | fields
