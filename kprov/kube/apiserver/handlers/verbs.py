"""Handle requests to resources: each verb calls the store and builds the response.

Source: apiserver/pkg/endpoints/handlers/{get,create,update,patch,delete}.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.handlers import (
    delete_options,
    deprecated_resources,
    identity,
    large_lists,
    listing,
    metadata_only,
    parameters,
    patch_target,
    patching,
    request_checks,
    responses,
    subresource_change,
    watching,
)
from kprov.kube.apiserver.handlers.watch_batching import WriteBatches
from kprov.kube.apiserver.interfaces import Admission, Attributes
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.generic.metadata import make_missing_namespace_error
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.served_kind import ServedKind, StoredKind
from kprov.kube.apiserver.request import RequestContext, RequestInfo, body, heavy_lane, negotiation
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.request.negotiation import Form
from kprov.kube.apiserver.subresources.call import (
    Call,
    Change,
    Reply,
    SubresourceHandler,
    SubresourceHandlers,
)
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.printers import tables as printer_tables
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema.kind_types import KindTypes
from kprov.kube.machinery.schema.versioned_types import VersionedTypes

#: Subresources that the generic store handles.
_OWN_SUBRESOURCES: Final = {"status", "finalize"}
#: Subresources whose responses are not objects.
_OTHER_ANSWERS: Final = request_checks.CONNECT | {"log"}
#: Objects of one collection that are deleted at the same time.
_DELETIONS_AT_ONCE: Final = 16


class Verbs:
    """Handles every resource of the registry, and the others with the handlers of subresources."""

    def __init__(
        self,
        registry: Registry,
        admission: Admission,
        handlers: SubresourceHandlers,
        wait_for_group: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        """wait_for_group: waits until the new kinds of a group would be served; False if it can have none."""
        self._registry = registry
        self._wait_for_group = wait_for_group
        self._admission = admission
        self._handlers = handlers
        self._rounds = WriteBatches()

    def has_handler(self, kind: ServedKind) -> bool:
        """Whether the server handles requests to a kind."""
        resource = kind.resource
        return isinstance(kind, StoredKind) or (resource.group, resource.plural, "") in self._handlers

    @property
    def groups(self) -> frozenset[str]:
        """The groups that are served now, without core."""
        return self._registry.kinds.current.groups

    async def handle(
        self, request: Request, context: RequestContext, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        """Answer one authorized request to a resource. Raise StatusError."""
        info = context.info
        kind = self._registry.kinds.current.find(info.api_group, info.api_version, info.resource)
        if kind is None:
            kind = await self._find_later(info)
        if kind is None:
            return request_checks.answer_unknown_path(info.path, self.groups)
        resource = kind.resource
        request_checks.check_method(request.method, info, resource, tail)
        if info.subresource in request_checks.CONNECT:
            request_checks.check_connection(query)
        elif info.verb == "patch":
            patching.check_type(request.headers.get("Content-Type", ""), is_custom=_is_custom(kind))
        request.metrics_label = ""
        _warn_of_deprecation(context, kind)
        if info.subresource and info.subresource not in _OWN_SUBRESOURCES:
            return await self._subresource(request, context, kind, query, tail)
        if not isinstance(kind, StoredKind):
            return await self._subresource(request, context, kind, query, tail)
        if info.verb == "get":
            return await self._get(request, context, kind, query)
        if info.verb in {"list", "watch"}:
            return await self._list_or_watch(request, context, kind, query)
        return await self._write(request, context, kind, query)

    async def _find_later(self, info: RequestInfo) -> ServedKind | None:
        """Return a kind that another server may serve already, once the definitions are as new as etcd."""
        if self._wait_for_group is None or not await self._wait_for_group(info.api_group):
            return None
        return self._registry.kinds.current.find(info.api_group, info.api_version, info.resource)

    def find_weight(self, info: RequestInfo) -> int:
        """How many times as much CPU time a byte of an object needs at most as one of a built-in kind."""
        kind = self._registry.kinds.current.find(info.api_group, info.api_version, info.resource)
        return kind.weight if isinstance(kind, StoredKind) else 1

    def count_stored_bytes(self, info: RequestInfo) -> int:
        """Return the size of the object that a request names, as the watch cache has it. 0: there is none."""
        kind = self._registry.kinds.current.find(info.api_group, info.api_version, info.resource)
        if not isinstance(kind, StoredKind) or not info.name:
            return 0
        cache = kind.store.cache
        entry = cache.get(cache.key(info.namespace, info.name))
        return 0 if entry is None else len(entry.tail)

    async def _get(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> BaseResponse:
        info, store = context.info, kind.store
        form = negotiation.negotiate(request, query)
        await listing.catch_up(store, parameters.parse_revision(query.get("resourceVersion", "")))
        entry = store.cache.get(store.cache.key(info.namespace, info.name))
        if entry is None:
            raise store.make_not_found_error(info.namespace, info.name)
        if form is _PLAIN and kind.is_stored:
            response = responses.build_raw(b"%b%b\n" % (store.cache.head, entry.tail), context.warnings)
            return await responses.compress(request, response)
        include = query.get("includeObject", "")
        obj = responses.convert_form(
            kind.resource,
            kind.convert_entry(entry, as_stored=bool(form.kind)),
            form,
            include,
            kind.to_client,
            kind.columns,
        )
        response = responses.build_document(obj, form, warnings=context.warnings)
        return await responses.compress(request, response)

    async def _list_or_watch(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> BaseResponse:
        form = negotiation.negotiate(request, query, is_list=True)
        options = parameters.parse_list_options(context.info, query, kind.resource.gvk, kind.labels)
        include = query.get("includeObject", "")
        responses.check_include(form, include)
        if context.info.verb == "watch":
            return await watching.serve(request, kind, options, form, include, self._rounds)
        listed = await listing.read_list(kind.store, options)
        if form is _PLAIN and kind.is_stored:
            if large_lists.is_large(request, listed):
                return await large_lists.send(request, context, listing.render_parts(kind.store, listed))
            response = responses.build_raw(listing.render(kind.store, listed), context.warnings)
            return await responses.compress(request, response)
        if form.kind == "PartialObjectMetadataList" and metadata_only.is_available(kind, form):
            if large_lists.is_large(request, listed):
                parts = listing.render_metadata_parts(listed, form)
                return await large_lists.send(request, context, parts)
            response = responses.build_raw(listing.render_metadata(listed, form), context.warnings)
            return await responses.compress(request, response)
        document = self._list_document(kind, listed, form, include)
        response = responses.build_document(document, form, warnings=context.warnings)
        return await responses.compress(request, response)

    def _list_document(
        self, kind: StoredKind, listed: listing.ListResult, form: Form, include: str
    ) -> JsonObject:
        resource = kind.resource
        metadata: JsonObject = {"resourceVersion": str(listed.revision)}
        if listed.token is not None:
            metadata["continue"] = listed.token.encode()
            if listed.remaining is not None:
                metadata["remainingItemCount"] = listed.remaining
        objects = (kind.convert_entry(entry, as_stored=bool(form.kind)) for entry in listed.entries)
        if form.kind == "Table":
            table = printer_tables.table(
                resource,
                objects,
                metadata,
                include or "Metadata",
                shown=kind.to_client,
                own=kind.columns,
            )
            return responses.convert_table(table, form.version)
        listed_as = {"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": metadata}
        if form.kind:
            return responses.convert_form(resource, listed_as | {"items": objects}, form, include)
        if kind.store.strategy.is_custom:
            return listed_as | {"items": list(objects)}
        return listed_as | {"items": [_strip_type_meta(obj) for obj in objects]}

    async def _write(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> BaseResponse:
        form = negotiation.negotiate(request, query)
        info = context.info
        code = 200
        if info.verb == "create":
            obj = await self._create(request, context, kind, query)
            code = 201
        elif info.verb == "update":
            obj, created = await self._update(request, context, kind, query)
            code = 201 if created else 200
        elif info.verb == "patch":
            obj, created = await self._patch(request, context, kind, query)
            code = 201 if created else 200
        elif info.verb == "delete":
            obj, code = await self._delete(request, context, kind, query)
        else:
            listed = await self._delete_collection(request, context, kind, query)
            if form is _PLAIN and kind.is_stored:
                response = responses.build_raw(listing.render(kind.store, listed), context.warnings)
                return await responses.compress(request, response)
            obj = self._list_document(kind, listed, _PLAIN, "")
        await heavy_lane.give_way(context.place)
        include = query.get("includeObject", "")
        obj = responses.convert_form(kind.resource, obj, form, include, own=kind.columns)
        response = responses.build_document(obj, form, code=code, warnings=context.warnings)
        return await responses.compress(request, response)

    async def _create(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> JsonObject:
        parameters.parse_write_options(context, query, "CreateOptions")
        obj = await _read_object(request, context, kind.resource.gvk, kind.types, query)
        made = await kind.store.create(context, context.info.namespace, kind.to_stored(obj))
        return kind.convert_written(made)

    async def _update(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> tuple[JsonObject, bool]:
        info = context.info
        parameters.parse_write_options(context, query, "UpdateOptions")
        obj = await _read_object(request, context, kind.resource.gvk, kind.types, query)
        identity.check(obj, info)
        copy = await heavy_lane.run(context.place, _build_copier, obj)
        made, created = await kind.store.update(
            context,
            info.namespace,
            info.name,
            lambda _: kind.to_stored(copy()),
            subresource=info.subresource,
            create=kind.store.strategy.allow_create_on_update and not info.subresource,
        )
        return kind.convert_written(made), created

    async def _patch(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> tuple[JsonObject, bool]:
        info = context.info
        parameters.parse_write_options(context, query, "PatchOptions")
        data = await body.read(request)
        await heavy_lane.enter(context, len(data))
        change, creates = await heavy_lane.run(
            context.place,
            patching.build_change,
            context,
            patch_target.build_target(kind, info.subresource),
            patching.media_type(request),
            data,
            query,
        )

        def compute_change(old: JsonObject | None) -> JsonObject:
            shown = None if old is None else kind.to_client(old)
            new = change(shown)
            identity.check(new, info)
            return kind.merge_applied(old, shown, new) if context.applied else kind.to_stored(new)

        made, created = await kind.store.update(
            context,
            info.namespace,
            info.name,
            compute_change,
            subresource=info.subresource,
            create=creates and not info.subresource,
        )
        return kind.convert_written(made), created

    async def _delete(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> tuple[JsonObject, int]:
        info, store = context.info, kind.store
        options, context.dry_run = await _read_delete_options(request, query)
        reason = store.strategy.explain_deletion_refusal(info.name)
        if reason:
            raise status.forbidden(kind.resource, info.name, reason)
        context.warnings += store.strategy.find_deletion_warnings(options.raw)
        obj, gone = await store.delete(context, info.namespace, info.name, options)
        if not gone or store.strategy.returns_deleted:
            # As upstream, only requests with orphanDependents=false get a 202 for a pending deletion.
            return kind.to_client(obj), 202 if not gone and options.orphan_dependents is False else 200
        details = {"name": info.name, "group": kind.resource.group, "kind": kind.resource.plural}
        uid = obj["metadata"].get("uid", "")
        return status.success({key: value for key, value in (details | {"uid": uid}).items() if value}), 200

    async def _delete_collection(
        self, request: Request, context: RequestContext, kind: StoredKind, query: Mapping[str, str]
    ) -> listing.ListResult:
        """Delete the selected objects. Returns them as they were before."""
        store = kind.store
        selected = parameters.parse_list_options(context.info, query, kind.resource.gvk, kind.labels)
        options, context.dry_run = await _read_delete_options(request, query)
        listed = await listing.read_list(store, selected)
        if listed.entries and context.info.in_namespace and not context.info.namespace:
            raise make_missing_namespace_error()
        await _delete_entries(store, context, listed.entries, options)
        context.warnings += store.strategy.find_deletion_warnings(options.raw)
        return listed

    async def _subresource(
        self,
        request: Request,
        context: RequestContext,
        kind: ServedKind,
        query: Mapping[str, str],
        tail: str,
    ) -> BaseResponse:
        handler = self._find_handler(kind, context.info.subresource)
        # Negotiate before the handler runs: a 406 must not have side effects.
        form = _negotiate_subresource(request, context.info, kind.resource, query)
        if context.info.verb in _WRITE_OPTIONS and context.info.subresource not in request_checks.CONNECT:
            parameters.parse_write_options(context, query, _WRITE_OPTIONS[context.info.verb])
        call = self._build_call(request, context, kind, query, tail)
        if context.info.subresource in request_checks.CONNECT:
            await self._admit_connection(call)
        result = await handler(call)
        if not isinstance(result, Reply):
            return result
        obj = responses.convert_form(kind.resource, result.obj, form, query.get("includeObject", ""))
        return responses.build_document(obj, form, code=result.status, warnings=context.warnings)

    def _find_handler(self, kind: ServedKind, subresource: str) -> SubresourceHandler:
        resource = kind.resource
        owner = _ANY_CUSTOM if _is_custom(kind) else (resource.group, resource.plural)
        handler = self._handlers.get((*owner, subresource))
        if handler is None or (subresource and resource.subresource(subresource) is None):
            raise status.path_not_found()
        return handler

    def _build_call(
        self,
        request: Request,
        context: RequestContext,
        kind: ServedKind,
        query: Mapping[str, str],
        tail: str,
    ) -> Call:
        resource, name = kind.resource, context.info.subresource
        target = patch_target.build_target(kind, name)

        async def read_object() -> JsonObject:
            return await _read_object(request, context, target.gvk, target.types, query)

        async def read_change() -> Change:
            return await subresource_change.read_change(request, context, target, query, read_object)

        return Call(
            request=request,
            context=context,
            registry=self._registry,
            admission=self._admission,
            resource=resource,
            subresource=resource.subresource(name) if name else None,
            query=query,
            tail=tail,
            read_object=read_object,
            read_change=read_change,
        )

    async def _admit_connection(self, call: Call) -> None:
        if not self._admission.handles(call.resource, "CONNECT"):
            return
        attributes = Attributes(
            context=call.context,
            operation="CONNECT",
            resource=call.resource,
            subresource=call.context.info.subresource,
            namespace=call.namespace,
            name=call.name,
            obj=None,
            old=None,
            options=dict(call.query),
        )
        await self._admission.admit(attributes)
        await self._admission.validate(attributes)


_PLAIN: Final = negotiation.PLAIN
#: The (group, plural) of the handlers of all custom resources.
_ANY_CUSTOM: Final = ("*", "*")
#: The kind of the options of a write, by verb.
_WRITE_OPTIONS: Final = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}


def _negotiate_subresource(
    request: Request, info: RequestInfo, resource: Resource, query: Mapping[str, str]
) -> Form:
    if info.subresource not in _OTHER_ANSWERS:
        transforms, is_list = _has_tables(resource, info.subresource), info.verb in {"list", "watch"}
        return negotiation.negotiate(request, query, transforms=transforms, is_list=is_list)
    if info.subresource == "log":
        accept = request.headers.get("Accept") or "*/*"
        negotiation.check_route(accept, ("text/plain", negotiation.JSON, negotiation.YAML))
    return _PLAIN


def _warn_of_deprecation(context: RequestContext, kind: ServedKind) -> None:
    resource = kind.resource
    deprecated: Sequence[str] = deprecated_resources.WARNINGS.get((resource.group, resource.plural), ())
    if isinstance(kind, StoredKind) and kind.warnings:
        deprecated = kind.warnings
    if deprecated:
        context.warnings += deprecated
        context.annotate("k8s.io/deprecated", "true")


def _is_custom(kind: ServedKind) -> bool:
    """Whether a definition adds the kind."""
    return isinstance(kind, StoredKind) and kind.store.strategy.is_custom


def _has_tables(resource: Resource, subresource: str) -> bool:
    """Whether there are tables: not of reviews, and of subresources only of scale."""
    return "get" in resource.verbs if not subresource else subresource == "scale"


def _strip_type_meta(obj: JsonObject) -> JsonObject:
    """Remove kind and apiVersion, which items of a list do not have."""
    return {name: value for name, value in obj.items() if name not in {"kind", "apiVersion"}}


def _build_copier(obj: JsonObject) -> Any:
    """Build a function that returns a new copy at each call, because a store changes it and may retry."""
    import orjson

    data = orjson.dumps(obj)
    return lambda: orjson.loads(data)


async def _read_object(
    request: Request,
    context: RequestContext,
    gvk: tuple[str, str, str],
    types: KindTypes,
    query: Mapping[str, str],
) -> JsonObject:
    content_type = body.media_type(request)
    # Check before the body is read: the client may wait for 100 Continue.
    is_custom = isinstance(types, VersionedTypes)
    body.check_type(content_type, body.ACCEPTED_OF_CUSTOM if is_custom else body.ACCEPTED)
    data = await body.read(request)
    await heavy_lane.enter(context, len(data))
    validation = query.get("fieldValidation", "")

    def decode() -> JsonObject:
        document = body.decode_object(data, content_type, gvk)
        return body.check_fields(document, gvk, types, context, validation, data, content_type)

    return decode() if context.place is None else await context.place.run(decode)


async def _delete_entries(
    store: Store, context: RequestContext, entries: Iterable[Entry], options: DeleteOptions
) -> None:
    """Delete some objects at a time, because etcd writes what comes together with one sync of its disk.

    Raise the first StatusError. Deletions that run then are finished, no others begin.
    """
    failures: list[status.StatusError] = []
    remaining = iter(entries)

    async def work() -> None:
        for entry in remaining:
            try:
                await store.delete(context, entry.namespace, entry.name, options)
            except status.StatusError as error:
                if error.code != 404:
                    failures.append(error)
            if failures:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(_DELETIONS_AT_ONCE):
            group.create_task(work())
    if failures:
        raise failures[0]


async def _read_delete_options(request: Request, query: Mapping[str, str]) -> tuple[DeleteOptions, bool]:
    return delete_options.parse(query, await body.read(request), body.media_type(request))
