"""Decode values of etcd that another API server wrote: parse them as Go does, and encode them as Go does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import object_schema, zero_values

#: The first bytes of upstream's protobuf.
_PROTOBUF: Final = b"k8s\x00"


def decode_value(
    key: str, value: bytes, resource: Resource, default: Callable[[JsonObject], None]
) -> JsonObject:
    """Decode an object and set defaults, and the name of the key if it has none.

    Raise ValueError if it is not an object of the resource.
    """
    obj = orjson.loads(_convert_to_json(value))
    if obj is None:
        obj = {}  # Go decodes null into a zero value
    if type(obj) is not dict:
        raise ValueError("it is not an object")
    if obj.get("kind") not in {None, "", resource.kind}:
        raise ValueError(f"it is not a {resource.kind}")
    obj["kind"], obj["apiVersion"] = resource.kind, resource.api_version
    _normalize(obj, resource)
    try:
        default(obj)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its defaults cannot be told: {error!r}") from error
    place, _, name = key.rpartition("/")
    metadata = obj.setdefault("metadata", {})
    metadata.setdefault("name", name)
    if resource.namespaced:
        metadata.setdefault("namespace", place.rpartition("/")[2])
    return obj


def _normalize(obj: JsonObject, resource: Resource) -> None:
    """Change the object in place as decoding to Go's types and encoding would. Raise ValueError."""
    built_in = object_schema.builtin()
    if not built_in.knows(resource.gvk):
        return
    report = built_in.prune(obj, resource.gvk)
    if report.errors:
        raise ValueError(report.errors[0])
    zero_values.normalize(obj, built_in.node(resource.gvk))


def _convert_to_json(value: bytes) -> bytes:
    """Convert upstream's protobuf to JSON. Raise ValueError."""
    if not value.startswith(_PROTOBUF):
        return value
    from kprov.kube.apiserver.protobuf import decode

    try:
        return go_json.dumps(decode.decode(value))
    except decode.ProtobufError as error:
        raise ValueError(str(error)) from error
