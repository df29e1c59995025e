"""LIST: join the bytes of cached entries, or read a page at an older revision from etcd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from kprov.kube.apiserver.cacher.cacher import NotFreshError
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.handlers import metadata_only
from kprov.kube.apiserver.handlers.continuation import Token
from kprov.kube.apiserver.handlers.parameters import ListOptions
from kprov.kube.apiserver.registry.generic.read_store import make_initializing_error, make_unavailable_error
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.request.negotiation import Form
from kprov.kube.apiserver.storage.interface import (
    CompactedError,
    FutureRevisionError,
    Stored,
    UnavailableError,
    UnreadableError,
)
from kprov.kube.machinery import status

_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


@dataclass(frozen=True, slots=True)
class ListResult:
    """The entries of one list and the values of its metadata."""

    entries: Sequence[Entry]
    revision: int
    token: Token | None = None
    remaining: int | None = None


async def read_list(store: Store, options: ListOptions) -> ListResult:
    """Read a list. Raise StatusError 410 for a compacted revision, 504 for a future one."""
    if options.token is not None:
        return await _read_from_storage(store, options, options.token.revision, options.token)
    exact = options.match == "Exact" or (options.limit and not options.match and options.revision)
    if exact and options.revision:
        return await _read_from_storage(store, options, options.revision, None)
    await catch_up(store, options.revision)
    if store.cache.unreadable:
        store.check_readable()
    revision = store.cacher.revision
    entries = list(store.cache.select(options.selection))
    whole = options.revision == 0 and not store.strategy.is_paged_at_any_version
    if not options.limit or len(entries) < options.limit or whole:
        # A list at any revision (resourceVersion 0) ignores the limit.
        return ListResult(entries, revision)
    page = entries[: options.limit]
    if len(page) == len(entries) and not _has_more(store, options.selection, page[-1]):
        return ListResult(entries, revision)
    remaining = len(entries) - options.limit if options.selection.is_everything else None
    return ListResult(
        page, revision, Token(revision, _start_key(_build_prefix(store, options), page[-1])), remaining
    )


def _has_more(store: Store, selection: Selection, last: Entry) -> bool:
    """Whether another key follows. As upstream, it need not match the selectors."""
    fields = selection.fields
    if selection.is_everything or (fields is not None and fields.exact("metadata.name") is not None):
        return False
    return not store.cache.has_no_more(last.key, selection.namespace)


async def catch_up(store: Store, revision: int | None) -> None:
    """Wait until the cache has the revision. None: the newest, 0: any."""
    if revision is None:
        await store.catch_up()
        return
    try:
        await store.cacher.wait_for(revision)
    except NotFreshError:
        if not store.cacher.loaded.is_set():
            raise make_initializing_error() from None
        text = f"Too large resource version: {revision}, current: {store.cacher.revision}"
        failure = status.timeout(text, 1)
        failure.status["details"]["causes"] = [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        ]
        raise failure from None


def render(store: Store, listed: ListResult) -> bytes:
    """Return the JSON of the list, one line."""
    head = _render_head(store.resource.list_kind, store.resource.api_version, listed)
    begin = store.cache.head if store.strategy.is_custom else b"{"
    items = (b"," + begin).join([entry.tail for entry in listed.entries])
    return b"%b[%b%b]}\n" % (head, begin if listed.entries else b"", items)


def render_parts(store: Store, listed: ListResult) -> Iterator[bytes]:
    """Yield the same, part by part. The list has at least one entry."""
    yield _render_head(store.resource.list_kind, store.resource.api_version, listed)
    start = store.cache.head if store.strategy.is_custom else b"{"
    begin = b"[" + start
    for entry in listed.entries:
        yield begin
        yield entry.tail
        begin = b"," + start
    yield b"]}\n"


def render_metadata(listed: ListResult, form: Form) -> bytes:
    """Return the JSON of the list as PartialObjectMetadataList, one line."""
    head = _render_head(form.kind, f"meta.k8s.io/{form.version}", listed)
    return b"%b%b}\n" % (head, metadata_only.render_items(listed.entries, form))


def render_metadata_parts(listed: ListResult, form: Form) -> Iterator[bytes]:
    """Yield the same, part by part. The list has at least one entry."""
    yield _render_head(form.kind, f"meta.k8s.io/{form.version}", listed)
    head, begin = metadata_only.build_head(form), b"["
    for entry in listed.entries:
        yield b"%b%b%b}" % (begin, head, metadata_only.cut_entry(entry))
        begin = b","
    yield b"]}\n"


def _render_head(kind: str, api_version: str, listed: ListResult) -> bytes:
    """Return what stands before the value of `items`."""
    metadata: dict[str, object] = {"resourceVersion": str(listed.revision)}
    if listed.token is not None:
        metadata["continue"] = listed.token.encode()
        if listed.remaining is not None:
            metadata["remainingItemCount"] = listed.remaining
    top = f'{{"kind":"{kind}","apiVersion":"{api_version}","metadata":'.encode()
    return b'%b%b,"items":' % (top, orjson.dumps(metadata))


def _build_prefix(store: Store, options: ListOptions) -> str:
    """Return the prefix of all keys of the list."""
    prefix, namespace = store.cache.prefix, options.selection.namespace
    return f"{prefix}{namespace}/" if namespace and store.resource.namespaced else prefix


def _start_key(prefix: str, last: Entry) -> str:
    return last.key.removeprefix(prefix) + "\0"


async def _read_from_storage(
    store: Store, options: ListOptions, revision: int, token: Token | None
) -> ListResult:
    prefix, selection = _build_prefix(store, options), options.selection
    after = (prefix + token.start).rstrip("\0") if token else ""
    at = max(revision, 0)
    if at > store.cacher.revision:
        await catch_up(store, at)
    entries: list[Entry] = []
    try:
        while True:
            page = await store.storage.list(prefix, revision=at, limit=options.limit, after=after)
            at = at or page.revision
            _add_matches(entries, store, page.items, selection, options.limit)
            if not page.items or not page.remaining or (options.limit and len(entries) >= options.limit):
                break
            after = page.items[-1].key
    except CompactedError:
        raise _expired_error(token) from None
    except FutureRevisionError:
        raise status.timeout(f"Too large resource version: {revision}", 1) from None
    except UnavailableError as error:
        raise make_unavailable_error(error) from error
    last_seen = entries[-1].key if entries else ""
    is_full = bool(options.limit) and len(entries) >= options.limit
    more = is_full and (page.remaining > 0 or page.items[-1].key != last_seen)
    if not more:
        return ListResult(entries, at)
    remaining = page.remaining if selection.is_everything else None
    return ListResult(entries, at, Token(at, _start_key(prefix, entries[-1])), remaining)


def _add_matches(
    entries: list[Entry], store: Store, items: Iterable[Stored], selection: Selection, limit: int
) -> None:
    """Add the matching entries of one page until `entries` has `limit` entries. Raises StatusError 500."""
    for item in items:
        if item.error:
            raise status.internal_error(str(UnreadableError(item.key, item.error)))
        entry = _decode_entry(store, item)
        if selection.matches(entry):
            entries.append(entry)
            if limit and len(entries) == limit:
                return


def _expired_error(token: Token | None) -> status.StatusError:
    """Return the 410 of a compacted revision; a client with a token can go on in the newest state."""
    if token is None:
        return status.expired("The resourceVersion for the provided list is too old.")
    failure = status.expired(_EXPIRED)
    failure.status["metadata"] = {"continue": Token(-1, token.start).encode()}
    return failure


def _decode_entry(store: Store, item: Stored) -> Entry:
    return store.cache.decoder.decode_entry(item.key, item.value, item.revision)
