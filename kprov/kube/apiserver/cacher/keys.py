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
    known = {build_prefix(folder): (each.group, each.plural) for folder, each in folders.items()} | _UNSERVED

    def find(key: str) -> tuple[str, str] | None:
        parts = key.split("/", 4)
        if len(parts) < 4:
            return None
        found = known.get("/".join((*parts[:3], "")))
        if found is not None or len(parts) < 5:
            return found
        found = known.get("/".join((*parts[:4], "")))
        # Custom resources stand below their group, which has a dot, and their plural.
        return (parts[2], parts[3]) if found is None and "." in parts[2] else found

    return find


def build_prefix(folder: str) -> str:
    """Return what the keys of a folder start with: "/registry/pods/"."""
    return f"{ROOT}{folder}/"
