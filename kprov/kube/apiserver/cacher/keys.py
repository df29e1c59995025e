"""The etcd keys of resources, as upstream: "/registry/PREFIX/[NAMESPACE/]NAME".

Source: upstream's storage registries (ResourcePrefix and the special defaults of kubeapiserver's
default_storage_factory_builder.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kprov.kube.machinery.resources import Resource

ROOT: Final = "/registry/"

#: As upstream: the API servers' own leases can be encrypted, too.
_UNSERVED: Final = {f"{ROOT}masterleases/": ("", "apiserveripinfo")}


def build_finder(folders: Mapping[str, Resource]) -> Callable[[str], tuple[str, str] | None]:
    """Return a function from an etcd key to the (group, plural) of its object, None for other keys.

    folders: the resources by their folder under /registry/.
    """
    known = {
        build_prefix(folder): (resource.group, resource.plural) for folder, resource in folders.items()
    } | _UNSERVED

    def find(key: str) -> tuple[str, str] | None:
        parts = key.split("/", 4)
        if len(parts) < 4:
            return None
        group_resource = known.get("/".join((*parts[:3], "")))
        if group_resource is not None or len(parts) < 5:
            return group_resource
        group_resource = known.get("/".join((*parts[:4], "")))
        # Custom resources stand below their group, which has a dot, and their plural.
        return (parts[2], parts[3]) if group_resource is None and "." in parts[2] else group_resource

    return find


def build_prefix(folder: str) -> str:
    """Return what the keys of a folder start with: "/registry/pods/"."""
    return f"{ROOT}{folder}/"
