"""NodeDeclaredFeatureValidator: rejects changes of a pod that need features which its kubelet does not have.

Source: upstream plugin/pkg/admission/nodedeclaredfeatures,
staging/src/k8s.io/component-helpers/nodedeclaredfeatures.
"""

from __future__ import annotations

from kprov.kube.apiserver.admission.plugin import Attributes, forbidden_error
from kprov.kube.apiserver.admission.pod_on_node import PodOnNodePlugin
from kprov.kube.machinery.json_object import JsonObject


class NodeDeclaredFeatureValidator(PodOnNodePlugin):
    name = "NodeDeclaredFeatureValidator"
    subresources = frozenset({"", "resize"})

    def check_change(self, attributes: Attributes, pod: JsonObject, old: JsonObject, name: str) -> None:
        wanted = find_required_features(pod["spec"], old["spec"])
        if not wanted:
            return
        node = self.find_node(attributes, name)
        declared = (node.get("status") or {}).get("declaredFeatures") or ()
        missing = [feature for feature in wanted if feature not in declared]
        if missing:
            text = f"pod update requires features {', '.join(missing)} which are not available on node"
            raise forbidden_error(attributes, f'{text} "{name}"')


def find_required_features(spec: JsonObject, before: JsonObject) -> list[str]:
    """Return the features that a kubelet needs to change `before` into `spec`, with the same containers."""
    features = []
    if spec.get("resources") != before.get("resources"):
        features.append("InPlacePodLevelResourcesVerticalScaling")
    pairs = zip(spec.get("initContainers") or (), before.get("initContainers") or (), strict=False)
    if any(
        old.get("restartPolicy") != "Always" and new.get("resources") != old.get("resources")
        for new, old in pairs
    ):
        features.append("InPlacePodVerticalScalingInitContainers")
    return features
