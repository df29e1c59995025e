"""Entries of custom resources: stored values are pruned and get the defaults of the present schema.

Source: apiextensions-apiserver/pkg/apiserver/customresource_handler.go (schemaCoercingDecoder,
unstructuredDefaulter).
"""

from __future__ import annotations

import orjson

from kprov.kube.apiserver.cacher.entry import EntryDecoder
from kprov.kube.apiserver.registry.apiextensions.custom_resource.strategy import CustomResourceStrategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, split_api_version


class CustomEntryDecoder(EntryDecoder):
    """Decodes values that any version of the definition has written."""

    __slots__ = ("_strategy",)

    def __init__(self, resource: Resource, strategy: CustomResourceStrategy) -> None:
        super().__init__(resource, strategy.list_selectable_fields, strategy.default)
        self._strategy = strategy

    def decode_object(self, key: str, value: bytes) -> JsonObject:
        return self._decode_other(key, value)

    def _is_our_encoding(self, value: bytes) -> bool:
        """Return False: an older schema may have written the value."""
        return False

    def _decode_other(self, key: str, value: bytes) -> JsonObject:
        obj = orjson.loads(value)
        if type(obj) is not dict or type(obj.get("metadata")) is not dict:
            raise ValueError("it is not an object")
        resource = self._resource
        group, _ = split_api_version(str(obj.get("apiVersion")))
        if (group, obj.get("kind")) != (resource.group, resource.kind):
            raise ValueError(f"it is not a {resource.kind}")
        obj["apiVersion"] = resource.api_version
        self._strategy.types.restore(obj)
        return obj
