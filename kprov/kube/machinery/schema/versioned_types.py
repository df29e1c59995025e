"""The types of a custom resource in all its versions, whose objects differ in apiVersion only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.machinery.resources import api_version
from kprov.kube.machinery.schema.kind_types import KindTypes
from kprov.kube.machinery.schema.nodes import ANY_NODE, Node
from kprov.kube.machinery.schema.object_schema import Gvk, SchemaReport


class VersionedTypes:
    """KindTypes of several versions, with the conversion None between them."""

    def __init__(self, versions: Mapping[Gvk, KindTypes]) -> None:
        self._versions = versions

    def node(self, gvk: Gvk) -> Node:
        types = self._versions.get(gvk)
        return ANY_NODE if types is None else types.node(gvk)

    def prune(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        return self._versions[gvk].prune(obj, gvk, body)

    def is_convertible(self, gvk: Gvk, other: Gvk) -> bool:
        """Whether both are versions of the resource."""
        return gvk in self._versions and other in self._versions

    @staticmethod
    def convert(obj: dict[str, Any], gvk: Gvk, other: Gvk) -> dict[str, Any]:
        """Return the object in another version. It shares all fields but apiVersion."""
        del gvk
        return obj | {"apiVersion": api_version(*other[:2])}
