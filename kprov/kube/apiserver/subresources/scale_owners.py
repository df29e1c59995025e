"""Convert managedFields between a workload and its Scale: the owners of the replicas.

Source: upstream staging/src/k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import entries as managed_entries
from kprov.kube.machinery.managed_fields.entries import Entry
from kprov.kube.machinery.managed_fields.field_set import Path

#: The path of the replicas in a Scale and in all built-in workloads.
_REPLICAS: Final[Path] = ("f:spec", "f:replicas")
_VERSION: Final = "autoscaling/v1"
_OLD_VERSIONS: Final = ("apps/v1beta1", "apps/v1beta2")


def convert_to_scale(
    entries: list[JsonObject] | None, version: str, replicas: Path = _REPLICAS
) -> list[JsonObject]:
    """Return the managedFields of a Scale: the workload's entries for its replicas.

    version: as "apps/v1". replicas: their path in the workload.
    """
    return managed_entries.encode_entries(
        [
            replace(entry, version=_VERSION, fields={_REPLICAS})
            for entry in managed_entries.decode_entries(entries).values()
            if _is_known(entry, version) and replicas in entry.fields
        ]
    )


def convert_to_workload(
    entries: list[JsonObject] | None,
    scale: list[JsonObject] | None,
    version: str,
    replicas: Path = _REPLICAS,
) -> list[JsonObject]:
    """Return the managedFields of a workload after those of its Scale became `scale`.

    An updater has another version in a Scale. So each change of a Scale removes the replicas from the
    updater's entry and adds an entry for them, without a time.
    """
    before, owners = managed_entries.decode_entries(entries), managed_entries.decode_entries(scale)
    kept: list[Entry] = []
    for key, entry in before.items():
        if not _is_known(entry, version):
            continue
        if replicas not in entry.fields or owners.pop(key, None) is not None:
            kept.append(entry)
        elif entry.fields - {replicas}:
            kept.append(replace(entry, fields=entry.fields - {replicas}))
    for key, entry in owners.items():
        if _REPLICAS in entry.fields:
            time = before[key].time if key in before else None
            kept.append(replace(entry, version=version, time=time, fields={replicas}))
    return managed_entries.encode_entries(kept)


def _is_known(entry: Entry, version: str) -> bool:
    return entry.version == version or (version.startswith("apps/") and entry.version in _OLD_VERSIONS)
