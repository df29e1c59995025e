"""Choose the container of a request. Source: upstream pkg/registry/core/pod/strategy.go."""

from __future__ import annotations

from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject


def list_names(pod: JsonObject) -> list[str]:
    """Return the names of all containers: init, normal, ephemeral."""
    spec = pod.get("spec") or {}
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container["name"] for kind in kinds for container in spec.get(kind) or ()]


def choose_container(pod: JsonObject, wanted: str) -> str:
    """Return the wanted container, or the only one. Raise BadRequest for an unknown or missing name."""
    name = pod["metadata"]["name"]
    if wanted:
        if wanted not in list_names(pod):
            raise status.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    containers = list((pod.get("spec") or {}).get("containers") or ())
    if len(containers) == 1:
        return str(containers[0]["name"])
    text = f"a container name must be specified for pod {name}"
    if containers:
        text += f", choose one of: [{' '.join(list_names(pod))}]"
    raise status.bad_request(text)
