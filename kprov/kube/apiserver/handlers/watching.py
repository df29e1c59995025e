"""WATCH over HTTP (chunked JSON lines) and over WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from kprov.kube.apiserver.cacher.entry import Entry, Event
from kprov.kube.apiserver.cacher.watcher import Selection, Watcher
from kprov.kube.apiserver.handlers import metadata_only, responses
from kprov.kube.apiserver.handlers.bookmarks import Bookmarks
from kprov.kube.apiserver.handlers.listing import catch_up
from kprov.kube.apiserver.handlers.parameters import ListOptions
from kprov.kube.apiserver.handlers.watch_batching import WriteBatches
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.served_kind import StoredKind
from kprov.kube.apiserver.request import negotiation
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.request.negotiation import Form
from kprov.kube.component_base import metrics
from kprov.kube.component_base.http11.response import BaseResponse, StreamResponse, encode_chunk
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.printers import tables as printer_tables

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.websocket import WebSocket

#: The seconds of a watch without a timeout: from this to twice this, as upstream's --min-request-timeout.
MINIMUM_SECONDS: Final = 1800
#: A watch with so many unsent bytes is closed: its client is too slow.
_BACKLOG_BYTES: Final = 32 * 1024 * 1024
#: The server writes about so many bytes of initial events, then handles other requests.
_PIECE_BYTES: Final = 128 * 1024
_INITIAL_END: Final = {"k8s.io/initial-events-end": "true"}
_WATCH_LIST_SECONDS: Final = metrics.histogram(
    "apiserver_watch_list_duration_seconds",
    "[BETA] Response latency distribution in seconds for watch list requests broken by group, version, "
    "resource and scope.",
    ("group", "version", "resource", "scope"),
    (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60),
)


class _Encoder:
    """Encodes the events of one watch as lines. Shares the bytes of plain JSON with other watches."""

    def __init__(self, kind: StoredKind, form: Form, include_object: str) -> None:
        self.kind = kind
        self._form = form
        self._include = include_object or "Metadata"
        self._columns_sent = False
        self.is_plain = not form.kind and kind.is_stored
        self._metadata_head = b""
        if form.kind == "PartialObjectMetadata" and metadata_only.is_available(kind, form):
            self._metadata_head = metadata_only.build_head(form)
        #: Events cannot be lists: as upstream, the first event ends such a watch without an error.
        self.is_mute = form.kind == "PartialObjectMetadataList"

    def encode_added(self, entry: Entry) -> bytes:
        if self.is_plain:
            return b'{"type":"ADDED","object":%b%b}\n' % (self.kind.store.cache.head, entry.tail)
        if self._metadata_head:
            return self._join_metadata("ADDED", metadata_only.cut_entry(entry))
        return self.encode_object("ADDED", self.kind.convert_entry(entry, as_stored=bool(self._form.kind)))

    def encode_event(self, event: Event, type_: str) -> bytes:
        line = event.encode_line(type_)
        if self.is_plain:
            return line
        if self._metadata_head:
            return self._join_metadata(type_, metadata_only.cut_line(line))
        obj = orjson.loads(line)["object"]
        if not self._form.kind:
            obj = self.kind.to_client(obj)
        return self.encode_object(type_, obj)

    def encode_bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> bytes:
        resource = self.kind.resource
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        return self.encode_object(
            "BOOKMARK", {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        )

    def encode_object(self, type_: str, obj: dict[str, Any]) -> bytes:
        if self._form.kind == "Table":
            obj = self._convert_table(obj)
        elif self._form.kind:
            obj = printer_tables.partial_metadata(obj) | {"apiVersion": f"meta.k8s.io/{self._form.version}"}
        return go_json.dumps({"type": type_, "object": obj}) + b"\n"

    def _join_metadata(self, type_: str, metadata: bytes) -> bytes:
        return b'{"type":"%b","object":%b%b}}\n' % (type_.encode(), self._metadata_head, metadata)

    def _convert_table(self, obj: dict[str, Any]) -> dict[str, Any]:
        columns: list[dict[str, Any]] | None = [] if self._columns_sent else None
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        # A bookmark has no name, so its row has no cells.
        named = obj | {"metadata": {"name": "", **obj["metadata"]}}
        made = printer_tables.table(
            self.kind.resource, [named], metadata, "None", columns, own=self.kind.columns
        )
        if self._columns_sent:
            made["columnDefinitions"] = None
        if self._include == "Metadata":
            made["rows"][0]["object"] = printer_tables.partial_metadata(obj)
        elif self._include == "Object":
            # A bookmark has the client's version.
            served = obj["apiVersion"] == self.kind.resource.api_version
            made["rows"][0]["object"] = obj if served else self.kind.to_client(obj)
        self._columns_sent = True
        return responses.convert_table(made, self._form.version)


def _encode_error(failure: status.StatusError) -> bytes:
    return go_json.dumps({"type": "ERROR", "object": failure.status}) + b"\n"


class _HttpSink:
    """Collects lines and writes them to the connection with the next batch."""

    def __init__(
        self, response: StreamResponse, transport: asyncio.Transport, encoder: _Encoder, rounds: WriteBatches
    ) -> None:
        self._response = response
        self._transport = transport
        self._encoder = encoder
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._sends_initial_events = False
        self._rounds = rounds
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send_event(self, event: Event, type_: str) -> None:
        if self._encoder.is_mute:
            self._finish()
        else:
            self.write_line(self._encoder.encode_event(event, type_))

    def send_bookmark(self, revision: int) -> None:
        if self._encoder.is_mute:
            self._finish()
        else:
            self.write_line(self._encoder.encode_bookmark(revision))

    def end(self, expired: str) -> None:
        if expired:
            self.write_line(_encode_error(status.expired(expired)))
        self._finish()

    def write_line(self, data: bytes) -> None:
        if not self._pending and not self._sends_initial_events:
            self._rounds.add(self)
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > _BACKLOG_BYTES:
            self._transport.abort()

    async def send_initial_events(self, lines: Iterable[bytes]) -> None:
        """Write the lines piece by piece, as fast as the client reads. Later events wait until the end.

        ConnectionResetError: the client has disconnected.
        """
        self._sends_initial_events = True
        for piece in _join_lines(lines):
            await self._response.write(piece)
            await asyncio.sleep(0)
            if self.ended.done():
                break
        self._sends_initial_events = False
        if self._pending:
            self._rounds.add(self)

    def flush(self) -> None:
        if self._pending and not self._transport.is_closing():
            # One chunk for all lines: each chunk costs the client's parser time.
            data = b"".join(self._pending)
            self._response.sent += len(data)
            self._transport.write(encode_chunk(data) if self._response.chunked else data)
            if self._transport.get_write_buffer_size() > _BACKLOG_BYTES:
                self._transport.abort()
        self._pending.clear()
        self._pending_bytes = 0
        if self._transport.is_closing():
            self._finish()

    def _finish(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _join_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to pieces of about _PIECE_BYTES: each chunk costs the client's parser time."""
    piece_lines: list[bytes] = []
    size = 0
    for line in lines:
        piece_lines.append(line)
        size += len(line)
        if size >= _PIECE_BYTES:
            yield b"".join(piece_lines)
            piece_lines.clear()
            size = 0
    if piece_lines:
        yield b"".join(piece_lines)


class _WebSocketSink:
    """Passes lines to the coroutine that sends them. Ends a client that does not read, as _HttpSink does."""

    def __init__(self, encoder: _Encoder, transport: asyncio.Transport) -> None:
        self._encoder = encoder
        self._transport = transport
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pending_bytes = 0

    def send_event(self, event: Event, type_: str) -> None:
        self._put(None if self._encoder.is_mute else self._encoder.encode_event(event, type_))

    def send_bookmark(self, revision: int) -> None:
        self._put(None if self._encoder.is_mute else self._encoder.encode_bookmark(revision))

    def end(self, expired: str) -> None:
        if expired:
            self._put(_encode_error(status.expired(expired)))
        self._put(None)

    async def next_line(self) -> bytes | None:
        """Wait for a line. None: the watch ends."""
        line = await self._lines.get()
        self._pending_bytes -= len(line or b"")
        return line

    def _put(self, line: bytes | None) -> None:
        if self._transport.is_closing():
            return
        self._lines.put_nowait(line)
        self._pending_bytes += len(line or b"")
        if self._pending_bytes > _BACKLOG_BYTES:
            self._transport.abort()


async def serve(
    request: Request,
    kind: StoredKind,
    options: ListOptions,
    form: Form,
    include_object: str,
    rounds: WriteBatches,
) -> BaseResponse:
    """Answer a watch until its timeout, or until the client or the server ends it."""
    if form.media_type == negotiation.YAML:
        raise negotiation.not_acceptable_error((f"{negotiation.JSON};stream=watch",))
    store = kind.store
    encoder = _Encoder(kind, form, include_object)
    seconds = options.timeout or MINIMUM_SECONDS * (1 + random.random())  # noqa: S311  spreads reconnects
    failure = None
    if options.send_initial_events or not options.revision:
        try:
            await catch_up(store, options.revision)
        except status.StatusError as error:
            if error.reason != "Timeout":
                raise
            failure = error
    if request.upgrade == "websocket":
        return await _serve_websocket(request, store, options, encoder, seconds, failure)
    return await _serve_http(request, store, options, encoder, rounds, seconds, failure)


def _find_scope(selection: Selection) -> str:
    """Return the value of the label scope of metrics."""
    if selection.fields is not None and selection.fields.exact("metadata.name") is not None:
        return "resource"
    return "namespace" if selection.namespace else "cluster"


def _record_watch_list(request: Request, kind: StoredKind, options: ListOptions) -> None:
    """Measure the time from the start of the request to the bookmark that ends the initial events."""
    if options.send_initial_events and options.bookmarks and options.marks_initial_end:
        resource = kind.resource
        labels = (resource.group, resource.version, resource.plural, _find_scope(options.selection))
        _WATCH_LIST_SECONDS.labels(*labels).observe(perf_counter() - request.started)


def _start_watch(store: Store, options: ListOptions, encoder: _Encoder, watcher: Watcher) -> Iterable[bytes]:
    """Add the watcher to the cache; return the lines to send before its events. Raise StatusError 410.

    It must not await: an event would be lost or sent twice.
    """
    watcher.after = store.cacher.revision
    lines: Iterable[bytes] = ()
    if options.send_initial_events:
        entries = list(store.cache.select(options.selection))
        ends = options.bookmarks and options.marks_initial_end
        if encoder.is_mute and (entries or ends):
            watcher.sink.end("")
        else:
            lines = _encode_initial_events(encoder, entries, watcher.after if ends else 0)
    elif options.revision:
        past = store.cache.find_history(options.revision)
        if past is None:
            text = f"too old resource version: {options.revision} ({store.cache.floor})"
            raise status.expired(text)
        watcher.after = options.revision
        for event in past:
            watcher.offer(event)
    store.cache.add_watcher(watcher)
    return lines


def _encode_initial_events(encoder: _Encoder, entries: Sequence[Entry], revision: int) -> Iterator[bytes]:
    """Yield the line of each entry, and the bookmark after them unless the revision is 0.

    Lines are encoded one by one, because all of them at once may need gigabytes and seconds.
    """
    for entry in entries:
        yield encoder.encode_added(entry)
    if revision:
        yield encoder.encode_bookmark(revision, _INITIAL_END)


async def _serve_http(
    request: Request,
    store: Store,
    options: ListOptions,
    encoder: _Encoder,
    rounds: WriteBatches,
    seconds: float,
    failure: status.StatusError | None,
) -> BaseResponse:
    response = StreamResponse(
        headers={"Content-Type": negotiation.JSON, "Cache-Control": "no-cache, private"}
    )
    # Send the head now and not with the first event.
    response.start(request)
    transport = request.transport
    assert transport is not None
    sink = _HttpSink(response, transport, encoder, rounds)
    watcher = Watcher(options.selection, sink, options.bookmarks)
    try:
        if failure is not None:
            raise failure
        lines = _start_watch(store, options, encoder, watcher) if seconds > 0 else ()
    except status.StatusError as error:
        await response.write(_encode_error(error))
        return response
    bookmarks = Bookmarks(store.cacher, watcher, seconds)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if lines:
                    await sink.send_initial_events(lines)
                _record_watch_list(request, encoder.kind, options)
                await sink.ended
    finally:
        bookmarks.cancel()
        store.cache.remove_watcher(watcher)
    sink.flush()
    return response


async def _serve_websocket(
    request: Request,
    store: Store,
    options: ListOptions,
    encoder: _Encoder,
    seconds: float,
    failure: status.StatusError | None,
) -> BaseResponse:
    # Imported for WebSockets only.
    from kprov.kube.component_base.http11.websocket import HandshakeError, WebSocket

    try:
        socket = WebSocket.accept(request)
    except HandshakeError as error:
        request.keep_alive = False
        return error.answer
    transport = request.transport
    assert transport is not None
    sink = _WebSocketSink(encoder, transport)
    watcher = Watcher(options.selection, sink, options.bookmarks)
    try:
        if failure is not None:
            raise failure
        lines = _start_watch(store, options, encoder, watcher) if seconds > 0 else ()
    except status.StatusError as error:
        await socket.send_text(_encode_error(error).decode())
        await socket.close()
        return socket.stream
    bookmarks = Bookmarks(store.cacher, watcher, seconds)
    reader = start_background_task(_drain(socket, sink), "messages of a watch's client")
    try:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                for line in lines:
                    await socket.send_text(line.decode())
                    await asyncio.sleep(0)
                _record_watch_list(request, encoder.kind, options)
                while (item := await sink.next_line()) is not None:
                    await socket.send_text(item.decode())
    finally:
        reader.cancel()
        bookmarks.cancel()
        store.cache.remove_watcher(watcher)
    await socket.close()
    return socket.stream


async def _drain(socket: WebSocket, sink: _WebSocketSink) -> None:
    """Read until the client closes the WebSocket, which ends the watch."""
    await socket.wait_closed()
    sink.end("")
