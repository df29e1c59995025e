"""The entries of metadata.managedFields: decoding, encoding and their limit.

Source: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/{managedfields,capmanagers}.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_set
from kprov.kube.machinery.managed_fields.field_set import FieldSet
from kprov.kube.machinery.managed_fields.structured_merge import StructuredMergeError

#: Manager, operation, version (for updates only), subresource.
Key = tuple[str, str, str, str]

_MAX_UPDATE_MANAGERS: Final = 10
_ANCIENT: Final = "ancient-changes"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of metadata.managedFields. time is None if the object has none."""

    manager: str
    operation: str
    version: str
    subresource: str
    time: str | None
    fields: FieldSet

    @property
    def key(self) -> Key:
        """A manager has one entry for apply, and one for updates in each version."""
        version = self.version if self.operation == "Update" else ""
        return self.manager, self.operation, version, self.subresource

    @property
    def description(self) -> str:
        """The text in messages of conflicts: "kubectl" with subresource "scale" using apps/v1."""
        text = status.quoted(self.manager)
        if self.subresource:
            text += f" with subresource {status.quoted(self.subresource)}"
        return f"{text} using {self.version}" if self.operation == "Update" else text


Managers = dict[Key, Entry]


def sort_key(key: Key) -> str:
    """Return the key by which upstream sorts managers: the JSON of the entry without fields and time."""
    manager, operation, version, subresource = key
    named = {"manager": manager, "operation": operation, "apiVersion": version, "subresource": subresource}
    shown = {name: value for name, value in named.items() if value}
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False)


def decode_entries(entries: list[JsonObject] | None) -> Managers:
    """Decode managedFields. Raises StructuredMergeError or ValueError for an invalid entry."""
    managers: Managers = {}
    for index, document in enumerate(entries or ()):
        if document.get("operation") not in {"Apply", "Update"}:
            raise StructuredMergeError("operation must be `Apply` or `Update`")
        if not document.get("apiVersion"):
            raise StructuredMergeError("apiVersion must not be empty")
        if document.get("fieldsType") != "FieldsV1":
            raise StructuredMergeError(f"missing fieldsType in managed fields entry {index}")
        entry = Entry(
            manager=document.get("manager", ""),
            operation=document["operation"],
            version=document["apiVersion"],
            subresource=document.get("subresource", ""),
            time=document.get("time"),
            fields=field_set.decode_fields(document.get("fieldsV1")),
        )
        managers[entry.key] = entry
    return managers


def store_entries(metadata: JsonObject, managers: Managers) -> None:
    """Set metadata.managedFields."""
    if not managers:
        metadata.pop("managedFields", None)
        return
    metadata["managedFields"] = encode_entries(managers.values())


def encode_entries(entries: Iterable[Entry]) -> list[JsonObject]:
    """Encode entries in upstream's order."""
    ordered = sorted(
        entries,
        key=lambda entry: (
            entry.operation,
            entry.time or "",
            entry.manager,
            entry.version,
            entry.subresource,
        ),
    )
    return [encode_entry(entry, field_set.encode_fields(entry.fields)) for entry in ordered]


def encode_entry(entry: Entry, fields: JsonObject) -> JsonObject:
    """Encode an entry. fields: its FieldsV1."""
    shown: JsonObject = {"manager": entry.manager, "operation": entry.operation, "apiVersion": entry.version}
    if entry.time is not None:
        shown["time"] = entry.time
    shown["fieldsType"] = "FieldsV1"
    shown["fieldsV1"] = fields
    if entry.subresource:
        shown["subresource"] = entry.subresource
    return shown


def merge_oldest_updaters(managers: Managers) -> None:
    """Merge the oldest update entries if there are more than ten, so that objects do not grow without limit.

    Only entries of the same version are merged.
    """
    updaters = [key for key, entry in managers.items() if entry.operation == "Update"]
    surplus = len(updaters) - _MAX_UPDATE_MANAGERS
    if surplus <= 0:
        return
    updaters.sort(key=lambda key: (managers[key].time or "", sort_key(key)))
    waiting: dict[str, Key] = {}
    for key in updaters:
        if surplus == 0:
            return
        entry = managers[key]
        first = waiting.setdefault(entry.version, key)
        if first == key:
            continue
        bucket: Key = (_ANCIENT, "Update", entry.version, "")
        held = managers[bucket] if bucket in managers else managers.pop(first)
        del managers[key]
        managers[bucket] = replace(entry, manager=_ANCIENT, subresource="", fields=entry.fields | held.fields)
        surplus -= 1
