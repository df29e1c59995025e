"""NodeDeclaredFeatureValidator: a pod is not changed into one that its node's kubelet does not know.

Source: upstream plugin/pkg/admission/nodedeclaredfeatures,
staging/src/k8s.io/component-helpers/nodedeclaredfeatures.
"""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, refused
from kprov.kube.apiserver.registry.registry import Registry

Object = dict[str, Any]


class NodeDeclaredFeatureValidator(AdmissionPlugin):
    name = "NodeDeclaredFeatureValidator"
    operations = frozenset({"UPDATE"})
    resources = frozenset({("", "pods")})

    def __init__(self, registry: Registry) -> None:
        self._nodes = registry.store("", "nodes").lister

    async def validate(self, attributes: Attributes) -> None:
        pod, old = attributes.obj, attributes.old
        if attributes.subresource not in {"", "resize"} or pod is None or old is None:
            return
        name = pod["spec"].get("nodeName", "")
        if not name or old["metadata"].get("generation") == pod["metadata"].get("generation"):
            return
        wanted = required(pod["spec"], old["spec"])
        if not wanted:
            return
        node = self._nodes.get("", name)
        if node is None:
            raise refused(attributes, f'node "{name}" not found')
        declared = (node.get("status") or {}).get("declaredFeatures") or ()
        missing = [feature for feature in wanted if feature not in declared]
        if missing:
            text = f"pod update requires features {', '.join(missing)} which are not available on node"
            raise refused(attributes, f'{text} "{name}"')


def required(spec: Object, before: Object) -> list[str]:
    """The features that a kubelet needs to make the first of the second; both have the same containers."""
    found = []
    if spec.get("resources") != before.get("resources"):
        found.append("InPlacePodLevelResourcesVerticalScaling")
    pairs = zip(spec.get("initContainers") or (), before.get("initContainers") or (), strict=False)
    if any(
        old.get("restartPolicy") != "Always" and new.get("resources") != old.get("resources")
        for new, old in pairs
    ):
        found.append("InPlacePodVerticalScalingInitContainers")
    return found
