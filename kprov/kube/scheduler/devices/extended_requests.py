"""The claim that the scheduler creates for the extended resources of a pod.

Source: upstream pkg/scheduler/framework/plugins/dynamicresources/extendeddynamicresources.go.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.component_helpers.pod_resource_claims import is_claim_of_pod
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.scheduler.state.pod_requests import amount

ANNOTATION: Final = "resource.kubernetes.io/extended-resource-claim"
#: Stands in messages for the name that the API server will give the claim. No claim can have it.
IN_MEMORY_NAME: Final = "<extended-resources>"


@dataclass(frozen=True, slots=True)
class SpecialClaim:
    """A claim that the scheduler creates for the extended resources of a pod.

    `mappings` says which request each container gets its devices from, as in
    `extendedResourceClaimStatus`.
    """

    claim: JsonObject
    mappings: Sequence[JsonObject]

    @property
    def uid(self) -> str:
        """Return the UID of the claim in memory. The API server gives the stored claim another one."""
        return str(self.claim["metadata"]["uid"])


def is_special(claim: JsonMapping, pod: Pod) -> bool:
    """Whether the scheduler created the claim for the pod."""
    annotations = claim["metadata"].get("annotations") or {}
    return annotations.get(ANNOTATION) == "true" and is_claim_of_pod(claim, pod)


def build_special_claim(pod: Pod, classes: Mapping[str, str]) -> SpecialClaim:
    """Build the claim. `classes`: the device class of each extended resource that devices provide."""
    requests, mappings = build_device_requests(pod, classes)
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": pod.metadata.name,
        "uid": pod.metadata.uid,
        "controller": True,
    }
    metadata = {
        "name": IN_MEMORY_NAME,
        "namespace": pod.metadata.namespace,
        "uid": str(uuid.uuid4()),
        "generateName": f"{pod.metadata.name}-extended-resources-",
        "annotations": {ANNOTATION: "true"},
        "ownerReferences": [owner],
    }
    return SpecialClaim({"metadata": metadata, "spec": {"devices": {"requests": requests}}}, mappings)


def build_device_requests(pod: Pod, classes: Mapping[str, str]) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return (requests, mappings) for all containers. Init containers reuse devices of later ones."""
    requests: list[JsonObject] = []
    mappings: list[JsonObject] = []
    for resource in sorted(classes):
        built, mapped = _Requests(pod, resource, classes[resource]).build()
        requests += built
        mappings += mapped
    return sorted(requests, key=lambda request: str(request["name"])), mappings


class _Requests:
    """Builds the requests for one resource.

    Containers and sidecars run at the same time, so each of them needs devices of its own. Other init
    containers run before them, one after the other: they reuse those devices, and share one more request.
    """

    def __init__(self, pod: Pod, resource: str, class_name: str) -> None:
        self._resource = resource
        self._class_name = class_name
        self._init_count = len(pod.spec.init_containers)
        self._containers = [*pod.spec.init_containers, *pod.spec.containers]

    def build(self) -> tuple[list[JsonObject], list[JsonObject]]:
        """Return (requests, mappings) for all containers."""
        lasting: dict[int, JsonObject] = {}
        mappings: list[JsonObject] = []
        for index, container in enumerate(self._containers):
            if not self._ends_early(index, container):
                request, mapped = self._build_request(index, container, ())
                mappings += mapped
                if request is not None:
                    lasting[index] = request
        largest, early = self._build_early(lasting)
        requests = [largest] if largest is not None else []
        return [*requests, *lasting.values()], [*mappings, *early]

    def _build_early(self, lasting: Mapping[int, JsonObject]) -> tuple[JsonObject | None, list[JsonObject]]:
        """Return (request, mappings) for init containers that end. They share their largest request."""
        largest: JsonObject | None = None
        names: set[str] = set()
        mappings: list[JsonObject] = []
        for index, container in enumerate(self._containers):
            if not self._ends_early(index, container):
                continue
            later = [request for number, request in lasting.items() if number >= index]
            request, mapped = self._build_request(index, container, later)
            mappings += mapped
            if request is not None:
                names.add(request["name"])
                if largest is None or _count(largest) < _count(request):
                    largest = request
        if largest is not None:
            for mapping in mappings:
                if mapping["requestName"] in names:
                    mapping["requestName"] = largest["name"]
        return largest, mappings

    def _ends_early(self, index: int, container: Container) -> bool:
        """Whether it is an init container that ends before the next container starts."""
        return index < self._init_count and container.restart_policy != "Always"

    def _build_request(
        self, index: int, container: Container, reusable: Iterable[JsonObject]
    ) -> tuple[JsonObject | None, list[JsonObject]]:
        """Return (request, mappings) of a container.

        The request is None if the reusable requests suffice, or the container does not need the resource.
        """
        listed = container.resources.requests
        wanted = amount(self._resource, listed.get(self._resource, 0))
        mappings: list[JsonObject] = []
        if not wanted:
            return None, mappings
        for request in reusable:
            mappings.append(self._map(container, request["name"]))
            wanted -= _count(request)
            if wanted <= 0:
                return None, mappings
        name = f"container-{index}-request-{sorted(listed).index(self._resource)}"
        exactly = {"deviceClassName": self._class_name, "allocationMode": "ExactCount", "count": wanted}
        return {"name": name, "exactly": exactly}, [*mappings, self._map(container, name)]

    def _map(self, container: Container, request: str) -> JsonObject:
        return {
            "containerName": container.name,
            "resourceName": self._resource,
            "requestName": request,
        }


def _count(request: JsonMapping) -> int:
    return int(request["exactly"]["count"])
