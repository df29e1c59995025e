"""The base class of plugins that check changes of a pod on a node."""

from __future__ import annotations

from typing import Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectStores
from kprov.kube.machinery.json_object import JsonObject


class PodOnNodePlugin(AdmissionPlugin):
    operations = frozenset({"UPDATE"})
    resources = frozenset({("", "pods")})
    #: The subresources whose updates are checked; "" is the pod itself.
    subresources: frozenset[str]

    def __init__(self, nodes: CacheReader) -> None:
        self._nodes = nodes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "nodes").lister)

    async def validate(self, attributes: Attributes) -> None:
        pod, old = attributes.obj, attributes.old
        if attributes.subresource not in self.subresources or pod is None or old is None:
            return
        name = pod["spec"].get("nodeName", "")
        if name and old["metadata"].get("generation") != pod["metadata"].get("generation"):
            self.check_change(attributes, pod, old, name)

    def check_change(self, attributes: Attributes, pod: JsonObject, old: JsonObject, name: str) -> None:
        """Check a change of the spec. name: of the node. Raise StatusError 403."""
        raise NotImplementedError

    def find_node(self, attributes: Attributes, name: str) -> JsonObject:
        """Raise StatusError 403 if the node does not exist."""
        node: JsonObject | None = self._nodes.get("", name)
        if node is None:
            raise forbidden_error(attributes, f'node "{name}" not found')
        return node
