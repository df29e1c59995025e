"""Config maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.builders.metadata import build_metadata


def build_config_map(name: str = "c", data: Mapping[str, str] | None = None, **metadata: Any) -> JsonObject:
    """Return a config map. metadata: further fields of it."""
    document = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": build_metadata(name, metadata)}
    return document | ({"data": dict(data)} if data else {})
