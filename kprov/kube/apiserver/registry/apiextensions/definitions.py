"""The definitions of the watch cache, without decoding their schemas.

A definition of 1 MB takes 45 ms to decode, and its status changes several times while it is established.
Skipping the schemas takes 2 ms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.machinery.json_object import JsonObject

#: Called with the name of a definition that was created, changed or removed.
Listener = Callable[[str], None]


class _Parts(msgspec.Struct, frozen=True):
    metadata: msgspec.Raw
    spec: msgspec.Raw
    status: msgspec.Raw = msgspec.Raw(b"{}")


class _Version(msgspec.Struct, frozen=True):
    name: str = ""
    served: bool = False
    storage: bool = False


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    group: str = ""
    scope: str = ""
    names: dict[str, Any] = {}
    versions: list[_Version] = []
    preserve_unknown_fields: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition at one revision.

    `summary` has the metadata, the status and the small fields of the spec. Of the versions it has their
    names, and whether they are served and stored. `digest`: of the whole spec.
    """

    entry: Entry
    summary: JsonObject
    digest: bytes

    @property
    def uid(self) -> str:
        return str(self.summary["metadata"].get("uid", ""))

    @property
    def is_being_deleted(self) -> bool:
        return bool(self.summary["metadata"].get("deletionTimestamp"))

    def read_spec(self) -> bytes:
        """Return the encoded spec."""
        return bytes(_split(self.entry).spec)

    def decode(self) -> JsonObject:
        """Decode all of it. Call it in a thread: the interpreter is free between two versions."""
        spec: JsonObject = {}
        for name, value in msgspec.json.decode(self.read_spec(), type=dict[str, msgspec.Raw]).items():
            is_list = name == "versions" and bytes(value).startswith(b"[")
            parts = msgspec.json.decode(value, type=list[msgspec.Raw]) if is_list else ()
            spec[name] = (
                [orjson.loads(memoryview(part)) for part in parts]
                if is_list
                else orjson.loads(memoryview(value))
            )
        return {**self.summary, "spec": spec}


class Definitions:
    """Follows the watch cache of definitions."""

    def __init__(self, cache: ResourceCache) -> None:
        self._cache: Final = cache
        #: Those that were asked for, by name.
        self._known: dict[str, Definition] = {}
        self._listeners: list[Listener] = []
        cache.add_entry_listener(self._notice)

    def get(self, name: str) -> Definition | None:
        """Return the newest state of a definition, None if there is none."""
        entry = self._cache.get(self._cache.key("", name))
        if entry is None:
            return None
        known = self._known.get(name)
        if known is None or known.entry is not entry:
            known = self._known[name] = _summarize(entry, known)
        return known

    def list_names(self) -> list[str]:
        """List the names of all definitions."""
        return [entry.name for entry in self._cache.select(Selection())]

    def list_group(self, group: str) -> Iterator[Definition]:
        """Yield the definitions of a group. The name of a definition is its plural, a dot, and its group."""
        for name in self.list_names():
            if name.partition(".")[2] == group and (definition := self.get(name)) is not None:
                yield definition

    def on_change(self, listener: Listener) -> None:
        """Call a listener for all present definitions, then for each change, on the event loop."""
        for name in self.list_names():
            listener(name)
        self._listeners.append(listener)

    def _notice(self, type_: str, entry: Entry) -> None:
        if type_ == "DELETED":
            self._known.pop(entry.name, None)
        for listener in self._listeners:
            listener(entry.name)


class _Uid(msgspec.Struct, frozen=True):
    uid: str = ""


class _Identified(msgspec.Struct, frozen=True):
    metadata: _Uid


def build_guard_key(uid: str) -> str:
    """Return the key that exists as long as objects of a definition may be created."""
    return f"kprov.io/definitions/{uid}"


def find_uid(value: bytes) -> str:
    """Return the UID of an encoded definition."""
    return msgspec.json.decode(value, type=_Identified).metadata.uid


def _split(entry: Entry) -> _Parts:
    return msgspec.json.decode(b"{" + entry.tail, type=_Parts)


def _summarize(entry: Entry, before: Definition | None) -> Definition:
    parts = _split(entry)
    digest = hashlib.sha256(parts.spec).digest()
    spec = before.summary["spec"] if before is not None and before.digest == digest else None
    summary = {
        "metadata": orjson.loads(memoryview(parts.metadata)),
        "spec": spec or _summarize_spec(parts.spec),
        "status": orjson.loads(memoryview(parts.status)) or {},
    }
    return Definition(entry, summary, digest)


def _summarize_spec(raw: msgspec.Raw) -> JsonObject:
    spec = msgspec.json.decode(raw, type=_Spec)
    return {
        "group": spec.group,
        "scope": spec.scope,
        "names": spec.names,
        "versions": msgspec.to_builtins(spec.versions),
        "preserveUnknownFields": spec.preserve_unknown_fields,
    }
