"""One object in the cache, as the bytes that go on the wire, and one change of it.

An object's JSON is HEAD + tail: HEAD is `{"kind":"Pod","apiVersion":"v1",`, the same for all of a
resource; the tail starts at `"metadata":{"resourceVersion":"7",`. A list needs no HEAD in its items: it joins
tails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kprov.kube.machinery.resources import Resource

Object = dict[str, Any]

#: How upstream's protobuf begins.
_PROTOBUF: Final = b"k8s\x00"
_METADATA: Final = b'"metadata":{'
_EMPTY: Final[Mapping[str, str]] = {}


@dataclass(slots=True)
class Entry:
    """`tail`: see above, it ends with the object's closing brace. `fields`: what field selectors look at.

    `shown`: the object, once somebody has looked at it.
    """

    key: str
    namespace: str
    name: str
    tail: bytes
    revision: int
    labels: Mapping[str, str]
    fields: Mapping[str, str]
    shown: Mapping[str, Any] | None = None


class Event:
    """A change as watchers see it. The bytes of each form are made once, when the first watcher asks."""

    __slots__ = ("_chunks", "_lines", "entry", "head", "previous", "revision", "type")

    def __init__(self, type_: str, head: bytes, entry: Entry, previous: Entry | None) -> None:
        self.type = type_
        self.head = head
        self.entry = entry
        self.previous = previous
        self.revision = entry.revision
        self._chunks: dict[str, bytes] = {}
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

    def chunk(self, type_: str) -> bytes:
        """The line as one chunk of HTTP's chunked coding."""
        chunk = self._chunks.get(type_)
        if chunk is None:
            line = self.line(type_)
            chunk = self._chunks[type_] = b"%x\r\n%b\r\n" % (len(line), line)
        return chunk


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


def make_entry(resource_head: bytes, key: str, value: bytes, revision: int, fields_of: Any) -> Entry:
    """Take out what selectors look at, once, on arrival. `fields_of`: Strategy.selectable_fields.

    Raises ValueError for what is no object.
    """
    value = as_json(value)
    obj = orjson.loads(value)
    metadata = obj["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    fields = {"metadata.name": name, "metadata.namespace": namespace, **fields_of(obj)}
    return Entry(
        key,
        namespace,
        name,
        tail_of(resource_head, value, revision),
        revision,
        metadata.get("labels") or _EMPTY,
        fields,
    )
