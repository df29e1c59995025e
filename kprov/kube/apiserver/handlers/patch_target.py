"""What a write changes: objects of a kind, or of one of its subresources."""

from __future__ import annotations

from dataclasses import dataclass

from kprov.kube.apiserver.registry.served_kind import ServedKind, StoredKind
from kprov.kube.machinery.managed_fields.field_set import Path
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.kind_types import KindTypes

Gvk = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class PatchTarget:
    """`gvk` and `types` are those of the objects; `ignored` are fields that an apply to the path keeps."""

    gvk: Gvk
    types: KindTypes
    subresource: str = ""
    ignored: tuple[Path, ...] = ()


def build_target(kind: ServedKind, name: str) -> PatchTarget:
    """Return the target of a request to a kind. name: of the subresource, "" for the kind itself."""
    ignored = kind.store.strategy.find_reset_fields(name) if isinstance(kind, StoredKind) else ()
    subresource = kind.resource.subresource(name) if name else None
    if subresource is None:
        return PatchTarget(kind.resource.gvk, kind.types, name, ignored)
    gvk = (subresource.group, subresource.version, subresource.kind)
    types = kind.types if gvk == kind.resource.gvk else object_schema.builtin()
    return PatchTarget(gvk, types, name, ignored)
