"""PartialObjectMetadata, cut from the JSON of objects.

Garbage collectors watch all objects of all kinds in this form. To decode and encode each object would cost
five times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.registry.served_kind import StoredKind
from kprov.kube.apiserver.request.negotiation import JSON, Form
from kprov.kube.machinery.printers import tables as printer_tables

_FORMS: Final = {"PartialObjectMetadata", "PartialObjectMetadataList"}


class _Object(msgspec.Struct):
    metadata: msgspec.Raw


class _Line(msgspec.Struct):
    object: _Object


_OBJECTS: Final = msgspec.json.Decoder(_Object)
_LINES: Final = msgspec.json.Decoder(_Line)


def is_available(kind: StoredKind, form: Form) -> bool:
    """Whether the metadata is in the JSON as the client gets it."""
    return (
        form.kind in _FORMS
        and form.media_type == JSON
        and not form.pretty
        and kind.is_stored
        and not printer_tables.has_field_as_annotation(kind.resource.kind)
    )


def build_head(form: Form) -> bytes:
    """Return what stands before the metadata of each object."""
    return f'{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/{form.version}","metadata":'.encode()


def cut_entry(entry: Entry) -> bytes:
    """Return the JSON of an entry's metadata."""
    return bytes(_OBJECTS.decode(b"{" + entry.tail).metadata)


def cut_line(line: bytes) -> bytes:
    """Return the JSON of the metadata of a watch event's object."""
    return bytes(_LINES.decode(line).object.metadata)


def render_items(entries: Iterable[Entry], form: Form) -> bytes:
    """Return the JSON of the items of a PartialObjectMetadataList."""
    head = build_head(form)
    items = [b"%b%b}" % (head, cut_entry(entry)) for entry in entries]
    return b"[%b]" % b",".join(items) if items else b"null"
