"""Where upstream keeps each resource in etcd: "/registry/PREFIX/[NAMESPACE/]NAME".

Source: upstream's storage registries (ResourcePrefix and the special defaults of kubeapiserver's
default_storage_factory_builder.go).
"""

from __future__ import annotations

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


def prefix(resource: Resource) -> str:
    """Key prefix with a slash at the end: "/registry/pods/"."""
    place = _SPECIAL.get((resource.group, resource.plural), resource.plural)
    return f"{ROOT}{place}/"


def key(resource: Resource, namespace: str, name: str) -> str:
    """An object's key."""
    return f"{prefix(resource)}{namespace}/{name}" if resource.namespaced else f"{prefix(resource)}{name}"
