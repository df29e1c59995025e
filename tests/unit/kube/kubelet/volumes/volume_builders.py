"""Volume managers, claims and persistent volumes for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from kprov.kube.kubelet.volumes.claims import ClaimedVolumes
from kprov.kube.kubelet.volumes.manager import VolumeManager
from kprov.kube.kubelet.volumes.sources import VolumeSources
from kprov.kube.machinery.json_object import JsonObject

Objects = Mapping[tuple[str, str], JsonObject]


def make_volume_manager(
    root: Path, objects: Objects | None = None, warnings: list[str] | None = None
) -> VolumeManager:
    """`objects`: what the API has, by (plural, name). Warnings of the manager go to `warnings`."""
    known = objects or {}
    texts = [] if warnings is None else warnings

    async def get_object(plural: str, _namespace: str, name: str) -> JsonObject | None:
        return known.get((plural, name))

    return VolumeManager(
        str(root),
        cast("VolumeSources", None),
        ClaimedVolumes(get_object),
        lambda _pod, reason, text: texts.append(f"{reason}: {text}"),
    )


def make_objects(source: JsonObject, *, phase: str = "Bound", **spec: Any) -> dict[tuple[str, str], Any]:
    """A claim named "data" that is bound to the volume "pv" with this source."""
    claim = {
        "metadata": {"name": "data", "namespace": "default", "uid": "claim-uid"},
        "spec": {"volumeName": "pv"},
        "status": {"phase": phase},
    }
    volume = {
        "metadata": {"name": "pv"},
        "spec": {"accessModes": ["ReadWriteOnce"], "claimRef": {"uid": "claim-uid"}} | source | spec,
    }
    return {("persistentvolumeclaims", "data"): claim, ("persistentvolumes", "pv"): volume}
