"""PodResizeValidator: rejects a resize beyond the capacity of the node.

Source: upstream plugin/pkg/admission/podresize.
"""

from __future__ import annotations

from kprov.kube.apiserver.admission.plugin import Attributes, forbidden_error
from kprov.kube.apiserver.admission.pod_on_node import PodOnNodePlugin
from kprov.kube.component_helpers.pod_resources import compute_pod_resources
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import ZERO, Quantity
from kprov.kube.machinery.status import StatusError


class PodResizeValidator(PodOnNodePlugin):
    name = "PodResizeValidator"
    subresources = frozenset({"resize"})

    def check_change(self, attributes: Attributes, pod: JsonObject, old: JsonObject, name: str) -> None:
        del old
        node = self.find_node(attributes, name)
        system = (node["metadata"].get("labels") or {}).get("kubernetes.io/os", "linux")
        if system != "linux":
            text = f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
            raise _build_error(forbidden_error(attributes, text), "UnsupportedPlatform")
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        asked = compute_pod_resources(pod, "requests", use_status=False)
        told = []
        for resource, milli in (("cpu", True), ("memory", False)):
            there = Quantity.parse(allocatable.get(resource, "0"))
            wanted = asked.get(resource, ZERO)
            if wanted > there:
                numbers = [quantity.milli_value if milli else quantity.value for quantity in (wanted, there)]
                told.append(f"{resource}, requested: {numbers[0]}, allocatable: {numbers[1]}")
        if told:
            text = f"node didn't have enough allocatable resources: {'; '.join(told)}"
            raise _build_error(forbidden_error(attributes, text), "NodeCapacity")


def _build_error(error: StatusError, reason: str) -> StatusError:
    error.status.setdefault("details", {}).setdefault("causes", []).append({"reason": reason})
    return error
