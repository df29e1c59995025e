"""One object in the cache, as the bytes that go on the wire, and one change of it.

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

from kprov.kube.machinery.resources import Resource

log = logging.getLogger(__name__)

Object = dict[str, Any]
#: Labels, and what field selectors look at.
Selected = tuple[Mapping[str, str], Mapping[str, str]]

#: How upstream's protobuf begins.
_PROTOBUF: Final = b"k8s\x00"
_METADATA: Final = b'"metadata":{'
_EMPTY: Final[Mapping[str, str]] = {}


class Source:
    """What the entries of a resource share. `fields_of`: Strategy.selectable_fields."""

    __slots__ = ("_begin", "_fields_of", "_namespaced", "head")

    def __init__(self, resource: Resource, fields_of: Callable[[Object], Mapping[str, str]]) -> None:
        self.head = head(resource)
        #: How everything begins that `encode` gave.
        self._begin = self.head + _METADATA + b'"'
        self._namespaced = resource.namespaced
        self._fields_of = fields_of

    def entry(self, key: str, value: bytes, revision: int) -> Entry:
        """Of what etcd holds. What we wrote is only read when somebody selects.

        Raises ValueError, KeyError, TypeError for what is no object.
        """
        if value.startswith(self._begin) and value.endswith(b"}"):
            place, _, name = key.rpartition("/")
            namespace = place.rpartition("/")[2] if self._namespaced else ""
            return Entry(key, namespace, name, tail_of(self.head, value, revision), revision, self)
        value = as_json(value)
        obj = orjson.loads(value)
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        found = Entry(key, namespace, name, tail_of(self.head, value, revision), revision, self)
        self.know(found, obj)
        return found

    def know(self, entry: Entry, obj: Object) -> None:
        """Let an entry be selected by its object, which somebody has read. Raises as `entry`."""
        entry.selected = self._selected(entry, obj)

    def select(self, entry: Entry) -> Selected:
        """Labels and fields of an entry; none of one that cannot be read."""
        try:
            return self._selected(entry, orjson.loads(self.head + entry.tail))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("what etcd holds at %s is no object: %s", entry.key, error)
            return _EMPTY, _EMPTY

    def _selected(self, entry: Entry, obj: Object) -> Selected:
        names = {"metadata.name": entry.name, "metadata.namespace": entry.namespace}
        return obj["metadata"].get("labels") or _EMPTY, {**names, **self._fields_of(obj)}


@dataclass(slots=True)
class Entry:
    """`tail`: see above, it ends with the object's closing brace.

    `selected` and `shown` (the object) are there once somebody has asked for them.
    """

    key: str
    namespace: str
    name: str
    tail: bytes
    revision: int
    source: Source
    selected: Selected | None = None
    shown: Mapping[str, Any] | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        return self._select()[0]

    @property
    def fields(self) -> Mapping[str, str]:
        """What field selectors look at."""
        return self._select()[1]

    def _select(self) -> Selected:
        if self.selected is None:
            self.selected = self.source.select(self)
        return self.selected

    def at(self, revision: int) -> Entry:
        """The same with another resourceVersion."""
        tail = at_revision(self.tail, revision)
        return Entry(self.key, self.namespace, self.name, tail, revision, self.source, self.selected)


class Event:
    """A change as watchers see it. The bytes of each form are made once, when the first watcher asks."""

    __slots__ = ("_lines", "entry", "head", "previous", "revision", "type")

    def __init__(self, type_: str, head: bytes, entry: Entry, previous: Entry | None) -> None:
        self.type = type_
        self.head = head
        self.entry = entry
        self.previous = previous
        self.revision = entry.revision
        self._lines: dict[str, bytes] = {}

    def line(self, type_: str) -> bytes:
        """`{"type":...,"object":...}` and a newline."""
        line = self._lines.get(type_)
        if line is None:
            tail = self.entry.tail
            if type_ == "DELETED" and self.type != "DELETED" and self.previous is not None:
                # It fell out of the watcher's selection: its last seen state, at the new revision.
                tail = at_revision(self.previous.tail, self.revision)
            line = b'{"type":"%b","object":%b%b}\n' % (type_.encode(), self.head, tail)
            self._lines[type_] = line
        return line


def head(resource: Resource) -> bytes:
    return f'{{"kind":"{resource.kind}","apiVersion":"{resource.api_version}",'.encode()


def as_json(value: bytes) -> bytes:
    """What etcd holds, as JSON: upstream's API servers write protobuf. ValueError: it cannot be read."""
    if not value.startswith(_PROTOBUF):
        return value
    from kprov.kube.apiserver.protobuf import decode

    try:
        return orjson.dumps(decode.decode(value))
    except decode.ProtobufError as error:
        raise ValueError(str(error)) from error


def encode(resource_head: bytes, obj: Object) -> bytes:
    """What goes to etcd: kind, apiVersion and metadata first, without resourceVersion."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    rest = {key: value for key, value in obj.items() if key not in {"kind", "apiVersion", "metadata"}}
    return resource_head + orjson.dumps({"metadata": metadata, **rest})[1:]


def tail_of(resource_head: bytes, value: bytes, revision: int) -> bytes:
    """The tail of what etcd holds; also of what another API server wrote in another order."""
    start = len(resource_head)
    if not (value.startswith(resource_head) and value.startswith(_METADATA, start)):
        value = encode(resource_head, orjson.loads(value))
    return b'"metadata":{"resourceVersion":"%d",%b' % (revision, value[start + len(_METADATA) :])


def at_revision(tail: bytes, revision: int) -> bytes:
    """The same tail with another resourceVersion."""
    start = len(b'"metadata":{"resourceVersion":"')
    return b"%b%d%b" % (tail[:start], revision, tail[tail.index(b'"', start) :])
