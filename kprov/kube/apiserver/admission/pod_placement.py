"""Placement of pods: PodTopologyLabels, LimitPodHardAntiAffinityTopology, ExtendedResourceToleration.

Source: upstream plugin/pkg/admission/{podtopologylabels,antiaffinity,extendedresourcetoleration}.
"""

from __future__ import annotations

from typing import Final, Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectStores
from kprov.kube.machinery import names
from kprov.kube.machinery.json_object import JsonObject

_PODS: Final = frozenset({("", "pods")})
_COPIED: Final = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(AdmissionPlugin):
    """Sets the zone and region labels of the node on a pod that is bound or created there."""

    name = "PodTopologyLabels"
    operations = frozenset({"CREATE"})
    resources = _PODS

    def __init__(self, nodes: CacheReader) -> None:
        self._nodes = nodes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "nodes").lister)

    async def admit(self, attributes: Attributes) -> None:
        obj = attributes.obj
        if obj is None:
            return
        if attributes.subresource == "binding":
            target = obj.get("target") or {}
            node = target.get("name", "") if target.get("kind") == "Node" else ""
        elif not attributes.subresource:
            node = (obj.get("spec") or {}).get("nodeName", "")
        else:
            return
        stored_node = self._nodes.get("", node) if node else None
        labels = ((stored_node or {}).get("metadata") or {}).get("labels") or {}
        copied = {key: labels[key] for key in _COPIED if key in labels}
        if copied:
            obj["metadata"]["labels"] = (obj["metadata"].get("labels") or {}) | copied


class LimitPodHardAntiAffinityTopology(AdmissionPlugin):
    name = "LimitPodHardAntiAffinityTopology"
    resources = _PODS

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None:
            return
        rules = ((attributes.obj["spec"].get("affinity") or {}).get("podAntiAffinity")) or {}
        for term in rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
            key = term.get("topologyKey", "")
            if key != "kubernetes.io/hostname":
                text = (
                    "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey "
                    f"{key} but only key kubernetes.io/hostname is allowed"
                )
                raise forbidden_error(attributes, text)


class ExtendedResourceToleration(AdmissionPlugin):
    """Adds tolerations for the taints of nodes with the extended resources that a pod requests."""

    name = "ExtendedResourceToleration"
    resources = _PODS

    async def admit(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        asked = {
            name
            for kind in ("containers", "initContainers")
            for container in spec.get(kind) or ()
            for name in (container.get("resources") or {}).get("requests") or ()
            if _is_extended(name)
        }
        tolerations = list(spec.get("tolerations") or ())
        for name in sorted(asked):
            wanted = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
            if not any(_is_same(toleration, wanted) for toleration in tolerations):
                tolerations.append(wanted)
        if tolerations:
            spec["tolerations"] = tolerations


def _is_same(toleration: JsonObject, other_toleration: JsonObject) -> bool:
    return all(
        toleration.get(part) == other_toleration.get(part) for part in ("key", "operator", "effect", "value")
    )


def _is_extended(name: str) -> bool:
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests."):
        return False
    return not names.is_qualified_name(f"requests.{name}")
