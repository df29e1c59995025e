"""Writes status.volumesAttached of nodes: the volumes that a kubelet may mount."""

from collections.abc import Iterable

from kprov.kube.api.core import Node
from kprov.kube.client import ApiError
from kprov.kube.client.resource import ResourceClient


class AttachedReporter:
    """Remembers its last write of each node until the informer shows it."""

    def __init__(self, nodes: ResourceClient[Node]) -> None:
        self._nodes = nodes
        self._written: dict[str, Node] = {}

    async def report(self, node: Node, names: Iterable[str]) -> set[str]:
        """Write the names if they differ from the node's. Returns those that are new."""
        wanted, shown = set(names), self._get_shown(node)
        if wanted == shown:
            return set()
        volumes = [{"name": name, "devicePath": ""} for name in sorted(wanted)]
        try:
            self._written[node.metadata.name] = await self._nodes.patch(
                node.metadata.name,
                {"metadata": {"uid": node.metadata.uid}, "status": {"volumesAttached": volumes}},
                subresource="status",
            )
        except ApiError as error:
            if not error.is_not_found:
                raise
        return wanted - shown

    def forget(self, node: str) -> None:
        self._written.pop(node, None)

    def _get_shown(self, node: Node) -> set[str]:
        written = self._written.get(node.metadata.name)
        if written is not None and _get_version(written) > _get_version(node):
            node = written
        return {attached_volume.name for attached_volume in node.status.volumes_attached}


def _get_version(node: Node) -> int:
    return int(node.metadata.resource_version or 0)
