"""Resource requests: each verb from the request to the store and back.

Source: apiserver/pkg/endpoints/handlers/{get,create,update,patch,delete}.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.endpoints import body, listing, negotiation, parameters, patching, respond, watching
from kprov.kube.apiserver.endpoints.negotiation import Form
from kprov.kube.apiserver.interfaces import Admission, Call, Reply, SubresourceHandlers
from kprov.kube.apiserver.registry.store import Registry, Store
from kprov.kube.apiserver.request import RequestContext, RequestInfo
from kprov.kube.machinery import printers, status
from kprov.kube.machinery.resources import Resource, find

Object = dict[str, Any]

#: Subresources that the generic store answers for.
_OWN_SUBRESOURCES: Final = {"status", "finalize"}
_CONNECT: Final = {"proxy", "exec", "attach", "portforward"}


class Verbs:
    """Serves every resource of the registry, and what is not stored through its handlers."""

    def __init__(self, registry: Registry, admission: Admission, handlers: SubresourceHandlers) -> None:
        self._registry = registry
        self._admission = admission
        self._handlers = handlers

    def serves(self, resource: Resource) -> bool:
        """Whether there is anything behind a resource of the table."""
        return resource in self._registry.stores or (resource.group, resource.plural, "") in self._handlers

    async def handle(
        self, request: web.BaseRequest, context: RequestContext, query: Mapping[str, str], tail: str
    ) -> web.StreamResponse:
        """Answer one authorized resource request. Raises StatusError."""
        info = context.info
        resource = find(info.api_group, info.api_version, info.resource)
        if resource is None:
            raise status.path_not_found()
        store = self._registry.stores.get(resource)
        if info.subresource and info.subresource not in _OWN_SUBRESOURCES:
            return await self._subresource(request, context, resource, query, tail)
        if store is None:
            return await self._subresource(request, context, resource, query, tail)
        subresource = resource.subresource(info.subresource) if info.subresource else None
        if info.subresource and subresource is None:
            raise status.path_not_found()
        if info.verb not in (subresource or resource).verbs:
            raise status.method_not_supported(resource, info.verb)
        if resource.namespaced and not info.namespace and info.verb not in {"list", "watch"}:
            raise status.path_not_found()
        if info.verb == "get":
            return await self._get(request, context, store, query)
        if info.verb in {"list", "watch"}:
            return await self._list_or_watch(request, context, store, query)
        return await self._write(request, context, store, query)

    async def _get(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> web.StreamResponse:
        info = context.info
        form = negotiation.form(request.headers.get("Accept", ""))
        revision = query.get("resourceVersion")
        if revision and revision.isdecimal():
            await listing.catch_up(store, int(revision))
        else:
            await store.fresh()
        entry = store.cache.get(keys.key(store.resource, info.namespace, info.name))
        if entry is None:
            raise status.not_found(store.resource, info.name)
        if form is _PLAIN or form == _PLAIN:
            return respond.raw(store.cache.head + entry.tail, context.warnings)
        obj = respond.formed(store.resource, store.cache.object(entry), form, query.get("includeObject", ""))
        return respond.document(obj, form, warnings=context.warnings)

    async def _list_or_watch(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> web.StreamResponse:
        form = negotiation.form(request.headers.get("Accept", ""))
        options = parameters.list_options(context.info, query, None)
        include = query.get("includeObject", "")
        if context.info.verb == "watch":
            return await watching.serve(request, store, options, form, include)
        listed = await listing.find(store, options)
        if form == _PLAIN:
            response = respond.raw(listing.render(store, listed), context.warnings)
            return await respond.compressed(request, response)
        document = self._list_document(store, listed, form, include)
        response = respond.document(document, form, warnings=context.warnings)
        return await respond.compressed(request, response)

    def _list_document(self, store: Store, listed: listing.Listed, form: Form, include: str) -> Object:
        resource = store.resource
        metadata: Object = {"resourceVersion": str(listed.revision)}
        if listed.token is not None:
            metadata["continue"] = listed.token.encoded()
            if listed.remaining is not None:
                metadata["remainingItemCount"] = listed.remaining
        objects = (store.cache.object(entry) for entry in listed.entries)
        version = f"meta.k8s.io/{form.version}"
        if form.kind == "Table":
            return printers.table(resource, objects, metadata, include or "Metadata") | {
                "apiVersion": version
            }
        if form.kind:
            items = [printers.partial_metadata(obj) for obj in objects]
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": version,
                "metadata": metadata,
                "items": items,
            }
        return {
            "kind": resource.list_kind,
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "items": list(objects),
        }

    async def _write(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> web.StreamResponse:
        form = negotiation.form(request.headers.get("Accept", ""))
        info = context.info
        code = 200
        if info.verb == "create":
            obj = await self._create(request, context, store, query)
            code = 201
        elif info.verb == "update":
            obj, created = await self._update(request, context, store, query)
            code = 201 if created else 200
        elif info.verb == "patch":
            obj, created = await self._patch(request, context, store, query)
            code = 201 if created else 200
        elif info.verb == "delete":
            obj, code = await self._delete(request, context, store, query)
        else:
            obj = await self._delete_collection(request, context, store, query)
        obj = respond.formed(store.resource, obj, form, query.get("includeObject", ""))
        return respond.document(obj, form, code=code, warnings=context.warnings)

    async def _create(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> Object:
        parameters.write_options(context, query, "CreateOptions")
        obj = await _object(request, context, store.resource.gvk, query)
        return await store.create(context, context.info.namespace, obj)

    async def _update(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> tuple[Object, bool]:
        info = context.info
        parameters.write_options(context, query, "UpdateOptions")
        obj = await _object(request, context, store.resource.gvk, query)
        name, namespace = obj["metadata"].get("name"), obj["metadata"].get("namespace")
        if name and name != info.name:
            raise status.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({info.name})"
            )
        if namespace and info.namespace and namespace != info.namespace:
            raise status.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        copy = _copyable(obj)
        return await store.update(
            context,
            info.namespace,
            info.name,
            lambda _: copy(),
            subresource=info.subresource,
            create=store.strategy.allow_create_on_update and not info.subresource,
        )

    async def _patch(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> tuple[Object, bool]:
        info = context.info
        parameters.write_options(context, query, "PatchOptions")
        data = await body.read(request)
        change, creates = patching.changer(
            context, store.resource.gvk, body.media_type(request), data, query, info.subresource
        )
        return await store.update(
            context,
            info.namespace,
            info.name,
            change,
            subresource=info.subresource,
            create=creates and not info.subresource,
        )

    async def _delete(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> tuple[Object, int]:
        info = context.info
        options, context.dry_run = parameters.delete_options(query, await _optional(request))
        obj, gone = await store.delete(context, info.namespace, info.name, options)
        if not gone:
            return obj, 200
        details = {"name": info.name, "group": store.resource.group, "kind": store.resource.plural}
        uid = obj["metadata"].get("uid", "")
        return status.success({key: value for key, value in (details | {"uid": uid}).items() if value}), 200

    async def _delete_collection(
        self, request: web.BaseRequest, context: RequestContext, store: Store, query: Mapping[str, str]
    ) -> Object:
        selected = parameters.list_options(context.info, query, None)
        options, context.dry_run = parameters.delete_options(query, await _optional(request))
        listed = await listing.find(store, selected)
        for entry in listed.entries:
            try:
                await store.delete(context, entry.namespace, entry.name, options)
            except status.StatusError as error:
                if error.code != 404:
                    raise
        return self._list_document(store, listed, _PLAIN, "")

    async def _subresource(
        self,
        request: web.BaseRequest,
        context: RequestContext,
        resource: Resource,
        query: Mapping[str, str],
        tail: str,
    ) -> web.StreamResponse:
        info = context.info
        handler = self._handlers.get((resource.group, resource.plural, info.subresource))
        subresource = resource.subresource(info.subresource) if info.subresource else None
        if handler is None or (info.subresource and subresource is None):
            raise status.path_not_found()
        if info.verb not in (subresource or resource).verbs:
            raise status.method_not_supported(resource, info.verb)
        kinds = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
        if info.verb in kinds and info.subresource not in _CONNECT:
            parameters.write_options(context, query, kinds[info.verb])
        target = subresource or resource
        gvk = (target.group, target.version, target.kind)

        async def read_object() -> Object:
            return await _object(request, context, gvk, query)

        async def patch_object(old: Object) -> Object:
            data = await body.read(request)
            change, _ = patching.changer(
                context, gvk, body.media_type(request), data, query, info.subresource
            )
            return change(old)

        if info.subresource in _CONNECT and self._admission.handles(resource, "CONNECT"):
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
                patch_object=patch_object,
            )
        )
        if not isinstance(result, Reply):
            return result
        form = negotiation.form(request.headers.get("Accept", ""))
        return respond.document(result.obj, form, code=result.status, warnings=context.warnings)


_PLAIN: Final = Form()


def _copyable(obj: Object) -> Any:
    """Gives a new copy at each call: a second try must not see what the first made of it."""
    import orjson

    data = orjson.dumps(obj)
    return lambda: orjson.loads(data)


async def _object(
    request: web.BaseRequest, context: RequestContext, gvk: tuple[str, str, str], query: Mapping[str, str]
) -> Object:
    content_type = body.media_type(request)
    data = await body.read(request)
    document = body.decode(data, content_type)
    is_json = "json" in content_type
    return body.check(document, gvk, context, query.get("fieldValidation", ""), data if is_json else None)


async def _optional(request: web.BaseRequest) -> Object | None:
    data = await body.read(request)
    if not data:
        return None
    document = body.decode(data, body.media_type(request))
    if not isinstance(document, dict):
        raise status.bad_request("the body is not an object")
    return document


def denied(info: RequestInfo, user: str, reason: str) -> status.StatusError:
    """The 403 of an authorizer, in upstream's words."""
    tail = f": {reason}" if reason else ""
    if not info.is_resource_request:
        return status.forbidden("", "", f'User "{user}" cannot {info.verb} path "{info.path}"{tail}')
    plural = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    scope = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    text = (
        f'User "{user}" cannot {info.verb} resource "{plural}" in API group "{info.api_group}" {scope}{tail}'
    )
    printed = f"{info.resource}.{info.api_group}" if info.api_group else info.resource
    return status.forbidden(printed, info.name, text)
