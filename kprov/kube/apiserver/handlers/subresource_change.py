"""The change that a PUT or PATCH of a subresource asks for, as a function that a store can call again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import orjson

from kprov.kube.apiserver.handlers import identity, patching
from kprov.kube.apiserver.handlers.patch_target import PatchTarget
from kprov.kube.apiserver.request import RequestContext, body, heavy_lane
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.subresources.call import Change
from kprov.kube.machinery.json_object import JsonObject


async def read_change(
    request: Request,
    context: RequestContext,
    target: PatchTarget,
    query: Mapping[str, str],
    read_object: Callable[[], Awaitable[JsonObject]],
) -> Change:
    """Read the request's body once. target: the subresource's objects.

    Raises StatusError 400, 413, 415, 422; the change itself raises StatusError 400 for another object's name.
    """
    info = context.info
    if info.verb == "patch":
        data = await body.read(request)
        await heavy_lane.enter(context, len(data))
        media_type = patching.media_type(request)
        change, _ = await heavy_lane.run(
            context.place, patching.build_change, context, target, media_type, data, query
        )

        def patch(old: JsonObject) -> JsonObject:
            new = change(old)
            identity.check(new, info)
            return new

        return patch
    wanted = await read_object()
    identity.check(wanted, info)
    encoded = orjson.dumps(wanted)
    return lambda _: orjson.loads(encoded)
