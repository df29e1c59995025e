"""One cached object as encoded JSON, and one change of it as an event.

An object's JSON is HEAD + tail: HEAD is `{"kind":"Pod","apiVersion":"v1",`, the same for all of a
resource; the tail starts at `"metadata":{"resourceVersion":"7",`. A list needs no HEAD in its items: it joins
tails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

log = logging.getLogger(__name__)

#: The labels, and the fields for field selectors.
Selected = tuple[Mapping[str, str], Mapping[str, str]]

_NULL: Final = b"null"
#: The ends of the names of times, the only values for which Go writes null in most kinds.
_TIMES: Final = (b'Time"', b'Timestamp"')
#: By group and plural: other fields for which Go writes null. A new definition has no conditions.
_NULL_FIELDS: Final[Mapping[tuple[str, str], tuple[bytes, ...]]] = {
    ("apiextensions.k8s.io", "customresourcedefinitions"): (b'"conditions"',)
}
_METADATA: Final = b'"metadata":{'
_EMPTY: Final[Mapping[str, str]] = {}


class EntryDecoder:
    """Decodes values of one resource to entries. See ResourceCache for `fields_of` and `default`."""

    __slots__ = ("_begin", "_default", "_fields_of", "_null_fields", "_resource", "head")

    def __init__(
        self,
        resource: Resource,
        fields_of: Callable[[JsonObject], Mapping[str, str]],
        default: Callable[[JsonObject], None],
    ) -> None:
        self.head = build_head(resource)
        #: The first bytes of everything that `encode` returns.
        self._begin = self.head + _METADATA + b'"'
        self._resource = resource
        self._null_fields = (*_TIMES, *_NULL_FIELDS.get((resource.group, resource.plural), ()))
        self._fields_of = fields_of
        self._default = default

    def decode_entry(self, key: str, value: bytes, revision: int) -> Entry:
        """Build the entry of a stored value. A value in our encoding is only parsed for selectors.

        Raise ValueError if the value is not an object of the resource.
        """
        obj = None
        if not self._is_our_encoding(value):
            obj = self._decode_other(key, value)
            value = encode(self.head, obj)
        place, _, name = key.rpartition("/")
        namespace = place.rpartition("/")[2] if self._resource.namespaced else ""
        entry = Entry(key, namespace, name, build_tail(self.head, value, revision), revision, self)
        if obj is not None:
            self.set_selected(entry, obj)
        return entry

    def decode_object(self, key: str, value: bytes) -> JsonObject:
        """Decode the object of a stored value. Raise as decode_entry."""
        if not self._is_our_encoding(value):
            return self._decode_other(key, value)
        obj: JsonObject = orjson.loads(value)
        return obj

    def _is_our_encoding(self, value: bytes) -> bool:
        """Whether the value has the encoding of this API server."""
        if not value.startswith(self._begin) or not value.endswith(b"}"):
            return False
        return not _has_odd_null(value, self._null_fields)

    def _decode_other(self, key: str, value: bytes) -> JsonObject:
        from kprov.kube.apiserver.cacher import value_decoding

        return value_decoding.decode_value(key, value, self._resource, self._default)

    def set_selected(self, entry: Entry, obj: JsonObject) -> None:
        """Set labels and fields from a decoded object. Raise as decode_entry."""
        entry.selected = self._build_selected(entry, obj)

    def find_selected(self, entry: Entry) -> Selected:
        """Return the labels and fields of an entry; empty if it cannot be read."""
        try:
            return self._build_selected(entry, orjson.loads(self.head + entry.tail))
        except ValueError as error:
            log.warning("the value of %s in etcd is not an object: %s", entry.key, error)
            return _EMPTY, _EMPTY

    def _build_selected(self, entry: Entry, obj: JsonObject) -> Selected:
        names = {"metadata.name": entry.name, "metadata.namespace": entry.namespace}
        try:
            return obj["metadata"].get("labels") or _EMPTY, {**names, **self._fields_of(obj)}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it cannot be selected: {error!r}") from error


@dataclass(slots=True)
class Entry:
    """`tail`: see the module; it ends with the object's closing brace.

    `selected` and `shown` (the object) are computed at the first use.
    """

    key: str
    namespace: str
    name: str
    tail: bytes
    revision: int
    decoder: EntryDecoder
    selected: Selected | None = None
    shown: Mapping[str, Any] | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        return self._select()[0]

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields for field selectors."""
        return self._select()[1]

    def _select(self) -> Selected:
        if self.selected is None:
            self.selected = self.decoder.find_selected(self)
        return self.selected

    def at_revision(self, revision: int) -> Entry:
        """Return the same entry with another resourceVersion."""
        tail = set_revision(self.tail, revision)
        return Entry(self.key, self.namespace, self.name, tail, revision, self.decoder, self.selected)


class Event:
    """A change. The line of each event type is encoded once, for the first watcher that needs it."""

    __slots__ = ("_lines", "entry", "head", "previous", "revision", "type")

    def __init__(self, type_: str, head: bytes, entry: Entry, previous: Entry | None) -> None:
        self.type = type_
        self.head = head
        self.entry = entry
        self.previous = previous
        self.revision = entry.revision
        self._lines: dict[str, bytes] = {}

    def encode_line(self, type_: str) -> bytes:
        """`{"type":...,"object":...}` and a newline."""
        line = self._lines.get(type_)
        if line is None:
            tail = self.entry.tail
            if type_ == "DELETED" and self.type != "DELETED" and self.previous is not None:
                # The object left the watcher's selection: send its last matching state at the new revision.
                tail = set_revision(self.previous.tail, self.revision)
            line = b'{"type":"%b","object":%b%b}\n' % (type_.encode(), self.head, tail)
            self._lines[type_] = line
        return line


def _has_odd_null(value: bytes, null_fields: tuple[bytes, ...]) -> bool:
    """Whether JSON has a null that Go does not write. A regular expression takes hundred times as long."""
    place = value.find(_NULL)
    while place > 0:
        before = value[place - 1 : place]
        if before == b":" and not value.endswith(null_fields, 0, place - 1):
            return True
        if before in {b"[", b","}:
            return True
        place = value.find(_NULL, place + len(_NULL))
    return False


def build_head(resource: Resource) -> bytes:
    return f'{{"kind":"{resource.kind}","apiVersion":"{resource.api_version}",'.encode()


def encode(resource_head: bytes, obj: JsonObject) -> bytes:
    """Encode an object for etcd: kind, apiVersion and metadata first, without resourceVersion."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    rest = {key: value for key, value in obj.items() if key not in {"kind", "apiVersion", "metadata"}}
    return resource_head + go_json.dumps({"metadata": metadata, **rest})[1:]


def build_tail(resource_head: bytes, value: bytes, revision: int) -> bytes:
    """Return the tail of an encoded value, with its resourceVersion."""
    return b'"metadata":{"resourceVersion":"%d",%b' % (revision, value[len(resource_head) + len(_METADATA) :])


def set_revision(tail: bytes, revision: int) -> bytes:
    """Return the tail with another resourceVersion."""
    start = len(b'"metadata":{"resourceVersion":"')
    return b"%b%d%b" % (tail[:start], revision, tail[tail.index(b'"', start) :])
