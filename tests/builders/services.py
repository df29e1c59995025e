"""Services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.api.core import Service
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonObject
from tests.builders.metadata import build_metadata


def build_service(name: str = "web", *, metadata: Mapping[str, Any] | None = None, **spec: Any) -> JsonObject:
    """Return a service of the port 80, or of the `ports` given."""
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": build_metadata(name, metadata),
        "spec": {"ports": [{"port": 80}]} | spec,
    }


def view_service(name: str = "web", *, metadata: Mapping[str, Any] | None = None, **spec: Any) -> Service:
    """Return the typed view of a service of the namespace shop."""
    return convert(
        build_service(name, metadata={"namespace": "shop"} | dict(metadata or {}), **spec), Service
    )
