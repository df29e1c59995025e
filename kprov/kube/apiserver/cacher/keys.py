"""Where upstream keeps each resource in etcd: "/registry/PREFIX/[NAMESPACE/]NAME".

Source: upstream's storage registries (ResourcePrefix and the special defaults of kubeapiserver's
default_storage_factory_builder.go).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from kprov.kube.machinery.resources import Resource

ROOT: Final = "/registry/"

_SPECIAL: Final = {
    ("", "nodes"): "minions",
    ("", "services"): "services/specs",
    ("", "endpoints"): "services/endpoints",
    ("", "replicationcontrollers"): "controllers",
    ("networking.k8s.io", "ingresses"): "ingress",
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.k8s.io/apiservices",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "apiextensions.k8s.io/customresourcedefinitions",
    # One storage for both groups.
    ("events.k8s.io", "events"): "events",
}


#: Upstream counts the API servers' own leases among the resources that can be encrypted.
_UNSERVED: Final = {f"{ROOT}masterleases/": ("", "apiserveripinfo")}


def build_finder(resources: Iterable[Resource]) -> Callable[[str], tuple[str, str] | None]:
    """A function from an etcd key to the (group, plural) of what is kept there, None for other keys."""
    known = {build_prefix(resource): (resource.group, resource.plural) for resource in resources} | _UNSERVED

    def find(key: str) -> tuple[str, str] | None:
        parts = key.split("/", 4)
        if len(parts) < 4:
            return None
        found = known.get("/".join((*parts[:3], "")))
        return found if found is not None or len(parts) < 5 else known.get("/".join((*parts[:4], "")))

    return find


def build_prefix(resource: Resource) -> str:
    """Key prefix with a slash at the end: "/registry/pods/"."""
    place = _SPECIAL.get((resource.group, resource.plural), resource.plural)
    return f"{ROOT}{place}/"


def build_key(resource: Resource, namespace: str, name: str) -> str:
    """An object's key."""
    return (
        f"{build_prefix(resource)}{namespace}/{name}"
        if resource.namespaced
        else f"{build_prefix(resource)}{name}"
    )
