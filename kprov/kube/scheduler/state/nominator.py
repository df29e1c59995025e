"""Pods that wait for their node until the victims of a preemption are gone (upstream's nominator)."""

from __future__ import annotations

from collections.abc import KeysView

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.state.pod_info import PodInfo, build_pod_info


class Nominator:
    """Knows a nomination before the pod's status has it, so that the next pod already respects it."""

    def __init__(self) -> None:
        self._node_of: dict[str, str] = {}
        self._pods_on: dict[str, dict[str, PodInfo]] = {}

    def __len__(self) -> int:
        return len(self._node_of)

    def get_node(self, uid: str) -> str:
        """Return the node of a nominated pod, "" for other pods."""
        return self._node_of.get(uid, "")

    def add(self, info: PodInfo, node: str) -> None:
        """Nominate a pod for a node instead of its last one."""
        uid = info.pod.metadata.uid
        self.remove(uid)
        self._node_of[uid] = node
        self._pods_on.setdefault(node, {})[uid] = info

    def update(self, pod: Pod, old: Pod | None = None) -> None:
        """Handle a new or changed pod of the queue. A nomination that its status never had is kept."""
        uid = pod.metadata.uid
        node = pod.status.nominated_node_name
        if not node and old is not None and old.status.nominated_node_name:
            self.remove(uid)
            return
        node = node or self.get_node(uid)
        if node:
            self.add(build_pod_info(pod), node)

    def remove(self, uid: str) -> None:
        """Remove the nomination of a pod that has a node, is gone, or lost it. Other pods are ignored."""
        node = self._node_of.pop(uid, None)
        if node is not None:
            pods = self._pods_on[node]
            del pods[uid]
            if not pods:
                del self._pods_on[node]

    def list_nodes(self) -> KeysView[str]:
        """Return the nodes for which pods are nominated."""
        return self._pods_on.keys()

    def list_rivals(self, node: str, info: PodInfo) -> list[PodInfo]:
        """Return the other pods that are nominated for the node and have this or a higher priority."""
        uid = info.pod.metadata.uid
        return [
            rival
            for uid_of_rival, rival in self._pods_on.get(node, {}).items()
            if uid_of_rival != uid and rival.priority >= info.priority
        ]

    def list_lower(self, node: str, priority: int) -> list[Pod]:
        """Return the pods of lower priorities that are nominated for the node."""
        return [info.pod for info in self._pods_on.get(node, {}).values() if info.priority < priority]
