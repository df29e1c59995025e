"""The change that a PUT or PATCH of a subresource asks for, as a function that can be tried again."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from kprov.kube.apiserver.handlers import body, identity, patching
from kprov.kube.apiserver.interfaces import Call
from kprov.kube.machinery.json_object import JsonObject


async def asked(call: Call) -> Callable[[JsonObject], JsonObject]:
    """From the subresource's object as it is to what it should be; reads the request's body once.

    Raises StatusError 400, 413, 415, 422.
    """
    if call.context.info.verb == "patch":
        target = call.subresource or call.resource
        data = await body.read(call.request)
        change, _ = patching.changer(
            call.context,
            (target.group, target.version, target.kind),
            patching.media_type(call.request),
            data,
            call.query,
            call.context.info.subresource,
        )
        return lambda old: _of_url(change(old), call)
    wanted = orjson.dumps(_of_url(await call.read_object(), call))
    return lambda _: orjson.loads(wanted)


def _of_url(obj: JsonObject, call: Call) -> JsonObject:
    """The object, when it is the one that the request is for. BadRequest."""
    identity.check(obj, call.context.info)
    return obj
