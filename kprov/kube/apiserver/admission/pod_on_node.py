"""What plugins have in common that judge changes of a pod which is on a node."""

from __future__ import annotations

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery.json_object import JsonObject


class PodOnNodePlugin(AdmissionPlugin):
    operations = frozenset({"UPDATE"})
    resources = frozenset({("", "pods")})
    #: Updates of these are judged; "" is the pod itself.
    subresources: frozenset[str]

    def __init__(self, registry: Registry) -> None:
        self._nodes = registry.store("", "nodes").lister

    async def validate(self, attributes: Attributes) -> None:
        pod, old = attributes.obj, attributes.old
        if attributes.subresource not in self.subresources or pod is None or old is None:
            return
        name = pod["spec"].get("nodeName", "")
        if name and old["metadata"].get("generation") != pod["metadata"].get("generation"):
            self.check_change(attributes, pod, old, name)

    def check_change(self, attributes: Attributes, pod: JsonObject, old: JsonObject, name: str) -> None:
        """Of a pod whose spec changes on the node of that name. Raises StatusError 403."""
        raise NotImplementedError

    def find_node(self, attributes: Attributes, name: str) -> JsonObject:
        """Raises StatusError 403 when it is not there."""
        node: JsonObject | None = self._nodes.get("", name)
        if node is None:
            raise forbidden_error(attributes, f'node "{name}" not found')
        return node
