"""The graph of objects that lead to nodes: volumes to claims, references of pods to pods, pods to nodes.

It follows the watch cache. Source: upstream plugin/pkg/auth/authorizer/node/graph.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kprov.kube.apiserver.authz.pod_references import list_references
from kprov.kube.apiserver.interfaces.objects import CacheReader
from kprov.kube.machinery.json_object import JsonObject

#: (plural, namespace, name).
Vertex = tuple[str, str, str]

MIRROR: Final = "kubernetes.io/config.mirror"


class Graph:
    """For each object its successors on the way to nodes."""

    def __init__(self) -> None:
        self._ways: dict[Vertex, dict[Vertex, int]] = {}
        self._made_by: dict[Vertex, tuple[tuple[Vertex, Vertex], ...]] = {}

    def follow(self, listers: Mapping[str, CacheReader]) -> None:
        """Add all objects and follow changes. listers: by plural."""
        for plural, edges in _EDGES.items():
            listers[plural].on_change(self._build_listener(plural, edges))

    def is_related(self, node: str, plural: str, namespace: str, name: str) -> bool:
        """Whether a path leads from the object to the node."""
        target = ("nodes", "", node)
        seen: set[Vertex] = set()
        waiting = [(plural, namespace, name)]
        while waiting:
            vertex = waiting.pop()
            if vertex in seen:
                continue
            seen.add(vertex)
            ways = self._ways.get(vertex, {})
            if target in ways:
                return True
            waiting += [way for way in ways if way[0] != "nodes"]
        return False

    def _build_listener(
        self, plural: str, edges: Callable[[JsonObject], Iterator[tuple[Vertex, Vertex]]]
    ) -> Any:
        def apply_change(kind: str, obj: JsonObject) -> None:
            metadata = obj["metadata"]
            source = (plural, metadata.get("namespace", ""), metadata["name"])
            self.set_edges(source, () if kind == "DELETED" else tuple(edges(obj)))

        return apply_change

    def set_edges(self, source: Vertex, edges: tuple[tuple[Vertex, Vertex], ...]) -> None:
        """Replace all edges that an object causes. Two objects may cause the same edge."""
        before = self._made_by.get(source, ())
        if before == edges:
            return
        for start, end in edges:
            ways = self._ways.setdefault(start, {})
            ways[end] = ways.get(end, 0) + 1
        for start, end in before:
            ways = self._ways[start]
            ways[end] -= 1
            if not ways[end]:
                del ways[end]
            if not ways:
                del self._ways[start]
        if edges:
            self._made_by[source] = edges
        else:
            self._made_by.pop(source, None)


def _find_pod_edges(pod: JsonObject) -> Iterator[tuple[Vertex, Vertex]]:
    metadata, spec = pod["metadata"], pod["spec"]
    node = spec.get("nodeName", "")
    if not node:
        return
    vertex = ("pods", metadata["namespace"], metadata["name"])
    yield vertex, ("nodes", "", node)
    # Kubelets create mirror pods, so the references of mirror pods must not grant rights.
    if MIRROR not in (metadata.get("annotations") or {}):
        for plural, name in sorted(list_references(pod)):
            yield (plural, metadata["namespace"], name), vertex


_PV_SECRETS: Final = (
    ("csi", "nodePublishSecretRef"),
    ("csi", "nodeStageSecretRef"),
    ("csi", "nodeExpandSecretRef"),
    ("cephfs", "secretRef"),
    ("flexVolume", "secretRef"),
    ("iscsi", "secretRef"),
    ("rbd", "secretRef"),
    ("scaleIO", "secretRef"),
    ("storageos", "secretRef"),
)


def _find_volume_edges(volume: JsonObject) -> Iterator[tuple[Vertex, Vertex]]:
    spec = volume["spec"]
    claim = spec.get("claimRef")
    if not claim:
        return
    vertex = ("persistentvolumes", "", volume["metadata"]["name"])
    yield vertex, ("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", ""))
    for kind, field in _PV_SECRETS:
        secret = (spec.get(kind) or {}).get(field)
        if secret:
            yield ("secrets", secret.get("namespace") or claim.get("namespace", ""), secret["name"]), vertex


def _find_attachment_edges(attachment: JsonObject) -> Iterator[tuple[Vertex, Vertex]]:
    node = attachment["spec"].get("nodeName", "")
    if node:
        yield ("volumeattachments", "", attachment["metadata"]["name"]), ("nodes", "", node)


def _find_slice_edges(device_slice: JsonObject) -> Iterator[tuple[Vertex, Vertex]]:
    node = device_slice["spec"].get("nodeName", "")
    if node:
        yield ("resourceslices", "", device_slice["metadata"]["name"]), ("nodes", "", node)


_EDGES: Final[dict[str, Callable[[JsonObject], Iterator[tuple[Vertex, Vertex]]]]] = {
    "pods": _find_pod_edges,
    "persistentvolumes": _find_volume_edges,
    "volumeattachments": _find_attachment_edges,
    "resourceslices": _find_slice_edges,
}
#: The group of each kind that causes edges.
SOURCES: Final = {
    "pods": "",
    "persistentvolumes": "",
    "volumeattachments": "storage.k8s.io",
    "resourceslices": "resource.k8s.io",
}
