"""Claims of volumes (PersistentVolumeClaim) and of devices (ResourceClaim)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.builders.metadata import build_metadata


def build_claim(
    name: str = "c", size: str = "1Gi", *, metadata: Mapping[str, Any] | None = None, **spec: Any
) -> JsonObject:
    """Return a claim of a volume of that size for one node."""
    whole = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"metadata": build_metadata(name, metadata), "spec": whole | spec}


def build_device_claim(
    name: str = "c", *, metadata: Mapping[str, Any] | None = None, **exactly: Any
) -> JsonObject:
    """Return a claim of devices of the class gpu. exactly: fields of its request r."""
    requests = [{"name": "r", "exactly": {"deviceClassName": "gpu"} | exactly}]
    return {"metadata": build_metadata(name, metadata), "spec": {"devices": {"requests": requests}}}
