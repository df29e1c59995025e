"""What the scheduler knew when it chose a node: evidence if the node turns out to be too small."""

from __future__ import annotations

import logging

from kprov.kube.api.core import Node, Pod
from kprov.kube.client.informer import Informer

log = logging.getLogger(__name__)


class DecisionLog:
    """Logs each choice of a node at the debug level, with what the watches had delivered until then."""

    def __init__(self, nodes: Informer[Node], pods: Informer[Pod]) -> None:
        self._nodes = nodes
        self._pods = pods

    def record(self, pod: Pod, node: str) -> None:
        if not log.isEnabledFor(logging.DEBUG):
            return
        known = self._nodes.get(None, node)
        log.debug(
            "pod %s with UID %s gets node %s (resource version %s; applied changes: nodes %s, pods %s)",
            pod.key,
            pod.metadata.uid,
            node,
            known.metadata.resource_version if known is not None else "",
            self._nodes.applied_version,
            self._pods.applied_version,
        )
