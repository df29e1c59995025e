"""What is known of the types of a kind's fields: from Go's types for built-in kinds, or from a definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kprov.kube.machinery.schema.nodes import Node
    from kprov.kube.machinery.schema.object_schema import Gvk, SchemaReport


class KindTypes(Protocol):
    """The types of one or more kinds. object_schema.Schema has those of all built-in kinds."""

    def node(self, gvk: Gvk) -> Node:
        """Return the type of a kind. ANY_NODE, which accepts everything, for an unknown kind."""

    def prune(self, obj: dict[str, Any], gvk: Gvk, body: bytes | None = None) -> SchemaReport:
        """Remove what the types do not have, in place, and report it. See object_schema.Schema.prune."""
