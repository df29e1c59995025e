"""Resource requests: each verb from the request to the store and back.

Source: apiserver/pkg/endpoints/handlers/{get,create,update,patch,delete}.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.handlers import (
    delete_options,
    deprecated_resources,
    identity,
    listing,
    parameters,
    patching,
    request_checks,
    respond,
    subresource_change,
    versioned_view,
    watching,
)
from kprov.kube.apiserver.handlers.versioned_view import Served
from kprov.kube.apiserver.handlers.watch_batching import Rounds
from kprov.kube.apiserver.interfaces import Admission, Attributes
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.generic.metadata import no_namespace
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, body, negotiation
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.request.negotiation import Form
from kprov.kube.apiserver.subresources.call import Call, Change, Reply, SubresourceHandlers
from kprov.kube.component_base.http11.answer import Answer
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.printers import tables as printer_tables
from kprov.kube.machinery.resources import Resource, find

#: Subresources that the generic store answers for.
_OWN_SUBRESOURCES: Final = {"status", "finalize"}
#: Those that answer with something else than objects.
_OTHER_ANSWERS: Final = request_checks.CONNECT | {"log"}


class Verbs:
    """Serves every resource of the registry, and what is not stored through its handlers."""

    def __init__(self, registry: Registry, admission: Admission, handlers: SubresourceHandlers) -> None:
        self._registry = registry
        self._admission = admission
        self._handlers = handlers
        self._rounds = Rounds()
        #: By the identity of the table's entries: they are large, and hashed for every request.
        self._served: dict[int, Served | None] = {}

    def serves(self, resource: Resource) -> bool:
        """Whether there is anything behind a resource of the table."""
        return (
            versioned_view.find(self._registry, resource) is not None
            or (resource.group, resource.plural, "") in self._handlers
        )

    async def handle(
        self, request: Request, context: RequestContext, query: Mapping[str, str], tail: str
    ) -> Answer:
        """Answer one authorized resource request. Raises StatusError."""
        info = context.info
        resource = find(info.api_group, info.api_version, info.resource)
        if resource is None:
            return request_checks.no_route(info.path)
        request_checks.check_method(request.method, info, resource, tail)
        if info.subresource in request_checks.CONNECT:
            request_checks.check_connection(query)
        elif info.verb == "patch":
            patching.check_type(request.headers.get("Content-Type", ""))
        request.place = ""
        deprecated = deprecated_resources.WARNINGS.get((resource.group, resource.plural))
        if deprecated:
            context.warnings += deprecated
            context.annotate("k8s.io/deprecated", "true")
        if info.subresource and info.subresource not in _OWN_SUBRESOURCES:
            return await self._subresource(request, context, resource, query, tail)
        view = self._find(resource)
        if view is None:
            return await self._subresource(request, context, resource, query, tail)
        if info.verb == "get":
            return await self._get(request, context, view, query)
        if info.verb in {"list", "watch"}:
            return await self._list_or_watch(request, context, view, query)
        return await self._write(request, context, view, query)

    def _find(self, resource: Resource) -> Served | None:
        try:
            return self._served[id(resource)]
        except KeyError:
            found = self._served[id(resource)] = versioned_view.find(self._registry, resource)
            return found

    async def _get(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> Answer:
        info, store = context.info, view.store
        form = negotiation.of(request, query)
        await listing.catch_up(store, parameters.revision(query.get("resourceVersion", "")))
        entry = store.cache.get(keys.key(store.resource, info.namespace, info.name))
        if entry is None:
            raise store.missing(info.namespace, info.name)
        if form is _PLAIN and view.is_stored:
            response = respond.raw(b"%b%b\n" % (store.cache.head, entry.tail), context.warnings)
            return await respond.compressed(request, response)
        include = query.get("includeObject", "")
        obj = respond.formed(view.resource, view.shown(entry, form), form, include, view.outgoing)
        response = respond.document(obj, form, warnings=context.warnings)
        return await respond.compressed(request, response)

    async def _list_or_watch(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> Answer:
        form = negotiation.of(request, query, is_list=True)
        options = parameters.list_options(context.info, query, view.resource.gvk)
        include = query.get("includeObject", "")
        respond.check_include(form, include)
        if context.info.verb == "watch":
            return await watching.serve(request, view, options, form, include, self._rounds)
        listed = await listing.find(view.store, options)
        if form is _PLAIN and view.is_stored:
            response = respond.raw(listing.render(view.store, listed), context.warnings)
            return await respond.compressed(request, response)
        document = self._list_document(view, listed, form, include)
        response = respond.document(document, form, warnings=context.warnings)
        return await respond.compressed(request, response)

    def _list_document(self, view: Served, listed: listing.Listed, form: Form, include: str) -> JsonObject:
        resource = view.resource
        metadata: JsonObject = {"resourceVersion": str(listed.revision)}
        if listed.token is not None:
            metadata["continue"] = listed.token.encoded()
            if listed.remaining is not None:
                metadata["remainingItemCount"] = listed.remaining
        objects = (view.shown(entry, form) for entry in listed.entries)
        if form.kind == "Table":
            table = printer_tables.table(
                resource, objects, metadata, include or "Metadata", shown=view.outgoing
            )
            return respond.versioned(table, form.version)
        listed_as = {"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": metadata}
        if form.kind:
            return respond.formed(resource, listed_as | {"items": objects}, form, include)
        return listed_as | {"items": [_item(obj) for obj in objects]}

    async def _write(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> Answer:
        form = negotiation.of(request, query)
        info = context.info
        code = 200
        if info.verb == "create":
            obj = await self._create(request, context, view, query)
            code = 201
        elif info.verb == "update":
            obj, created = await self._update(request, context, view, query)
            code = 201 if created else 200
        elif info.verb == "patch":
            obj, created = await self._patch(request, context, view, query)
            code = 201 if created else 200
        elif info.verb == "delete":
            obj, code = await self._delete(request, context, view, query)
        else:
            obj = await self._delete_collection(request, context, view, query)
        obj = respond.formed(view.resource, obj, form, query.get("includeObject", ""))
        response = respond.document(obj, form, code=code, warnings=context.warnings)
        return await respond.compressed(request, response)

    async def _create(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> JsonObject:
        parameters.write_options(context, query, "CreateOptions")
        obj = await _object(request, context, view.resource.gvk, query)
        made = await view.store.create(context, context.info.namespace, view.incoming(obj))
        return view.outgoing(made)

    async def _update(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> tuple[JsonObject, bool]:
        info = context.info
        parameters.write_options(context, query, "UpdateOptions")
        obj = await _object(request, context, view.resource.gvk, query)
        identity.check(obj, info)
        copy = _copyable(obj)
        made, created = await view.store.update(
            context,
            info.namespace,
            info.name,
            lambda _: view.incoming(copy()),
            subresource=info.subresource,
            create=view.store.strategy.allow_create_on_update and not info.subresource,
        )
        return view.outgoing(made), created

    async def _patch(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> tuple[JsonObject, bool]:
        info = context.info
        parameters.write_options(context, query, "PatchOptions")
        data = await body.read(request)
        change, creates = patching.changer(
            context, view.resource.gvk, patching.media_type(request), data, query, info.subresource
        )

        def changed(old: JsonObject | None) -> JsonObject:
            shown = None if old is None else view.outgoing(old)
            new = change(shown)
            identity.check(new, info)
            return view.applied(old, shown, new) if context.applied else view.incoming(new)

        made, created = await view.store.update(
            context,
            info.namespace,
            info.name,
            changed,
            subresource=info.subresource,
            create=creates and not info.subresource,
        )
        return view.outgoing(made), created

    async def _delete(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> tuple[JsonObject, int]:
        info, store = context.info, view.store
        options, context.dry_run = await _delete_options(request, query)
        reason = store.strategy.deletion_refusal(info.name)
        if reason:
            raise status.forbidden(view.resource, info.name, reason)
        context.warnings += store.strategy.deletion_warnings(options.raw)
        obj, gone = await store.delete(context, info.namespace, info.name, options)
        if not gone or store.strategy.returns_deleted:
            # Who asked for its dependents to go, too, is told that this takes time; others never were.
            return view.outgoing(obj), 202 if not gone and options.orphan_dependents is False else 200
        details = {"name": info.name, "group": view.resource.group, "kind": view.resource.plural}
        uid = obj["metadata"].get("uid", "")
        return status.success({key: value for key, value in (details | {"uid": uid}).items() if value}), 200

    async def _delete_collection(
        self, request: Request, context: RequestContext, view: Served, query: Mapping[str, str]
    ) -> JsonObject:
        store = view.store
        selected = parameters.list_options(context.info, query, view.resource.gvk)
        options, context.dry_run = await _delete_options(request, query)
        listed = await listing.find(store, selected)
        if listed.entries and context.info.in_namespace and not context.info.namespace:
            raise no_namespace()
        for entry in listed.entries:
            try:
                await store.delete(context, entry.namespace, entry.name, options)
            except status.StatusError as error:
                if error.code != 404:
                    raise
        context.warnings += store.strategy.deletion_warnings(options.raw)
        return self._list_document(view, listed, _PLAIN, "")

    async def _subresource(
        self,
        request: Request,
        context: RequestContext,
        resource: Resource,
        query: Mapping[str, str],
        tail: str,
    ) -> Answer:
        info = context.info
        handler = self._handlers.get((resource.group, resource.plural, info.subresource))
        subresource = resource.subresource(info.subresource) if info.subresource else None
        if handler is None or (info.subresource and subresource is None):
            raise status.path_not_found()
        form = _PLAIN
        if info.subresource not in _OTHER_ANSWERS:
            # Before anything is done: who cannot read the answer has done nothing.
            transforms, is_list = _has_tables(resource, info.subresource), info.verb in {"list", "watch"}
            form = negotiation.of(request, query, transforms=transforms, is_list=is_list)
        elif info.subresource == "log":
            accept = request.headers.get("Accept") or "*/*"
            negotiation.check_route(accept, ("text/plain", negotiation.JSON, negotiation.YAML))
        kinds = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
        if info.verb in kinds and info.subresource not in request_checks.CONNECT:
            parameters.write_options(context, query, kinds[info.verb])
        target = subresource or resource
        gvk = (target.group, target.version, target.kind)

        async def read_object() -> JsonObject:
            return await _object(request, context, gvk, query)

        async def read_change() -> Change:
            return await subresource_change.read_change(request, context, gvk, query, read_object)

        if info.subresource in request_checks.CONNECT and self._admission.handles(resource, "CONNECT"):
            attributes = Attributes(
                context=context,
                operation="CONNECT",
                resource=resource,
                subresource=info.subresource,
                namespace=info.namespace,
                name=info.name,
                obj=None,
                old=None,
                options=dict(query),
            )
            await self._admission.admit(attributes)
            await self._admission.validate(attributes)
        result = await handler(
            Call(
                request=request,
                context=context,
                registry=self._registry,
                admission=self._admission,
                resource=resource,
                subresource=subresource,
                namespace=info.namespace,
                name=info.name,
                query=query,
                tail=tail,
                read_object=read_object,
                read_change=read_change,
            )
        )
        if not isinstance(result, Reply):
            return result
        obj = respond.formed(resource, result.obj, form, query.get("includeObject", ""))
        return respond.document(obj, form, code=result.status, warnings=context.warnings)


_PLAIN: Final = negotiation.PLAIN


def _has_tables(resource: Resource, subresource: str) -> bool:
    """Of reviews, and of subresources but status and scale, there are none."""
    return "get" in resource.verbs if not subresource else subresource == "scale"


def _item(obj: JsonObject) -> JsonObject:
    """An item of a list says its kind by the list's."""
    return {name: value for name, value in obj.items() if name not in {"kind", "apiVersion"}}


def _copyable(obj: JsonObject) -> Any:
    """Gives a new copy at each call: a second try must not see what the first made of it."""
    import orjson

    data = orjson.dumps(obj)
    return lambda: orjson.loads(data)


async def _object(
    request: Request, context: RequestContext, gvk: tuple[str, str, str], query: Mapping[str, str]
) -> JsonObject:
    content_type = body.media_type(request)
    # Before the body is asked for: its client may wait for leave to send it.
    body.check_type(content_type)
    data = await body.read(request)
    document = body.typed(data, content_type, gvk)
    return body.check(document, gvk, context, query.get("fieldValidation", ""), data, content_type)


async def _delete_options(request: Request, query: Mapping[str, str]) -> tuple[DeleteOptions, bool]:
    return delete_options.parse(query, await body.read(request), body.media_type(request))
