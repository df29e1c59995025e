"""Deletes pods of nodes that are gone, and ended pods beyond a threshold (pkg/controller/podgc)."""

import time
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.core import Node, Pod
from kprov.kube.client import ApiError
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.node import health
from kprov.kube.machinery import timestamps

PERIOD_SECONDS: Final = 20.0
# Seconds after which the server is asked for a missing node, before its pods are deleted.
QUARANTINE_SECONDS: Final = 40.0
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"


class PodGarbageCollector(Controller):
    """Checks every 20 seconds. Its queue stays empty."""

    name = "pod_gc"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._missing_since: dict[str, float] = {}
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._pods = context.informers.informer(
            "", "v1", "pods", Pod, indexers={"node": lambda pod: [pod.spec.node_name]}
        )

    async def run(self) -> None:
        await run_periodically(PERIOD_SECONDS, self.collect, self.name)

    async def collect(self) -> None:
        pods = self._pods.list()
        for pod in list_beyond_threshold(pods, self.context.options.terminated_pod_gc_threshold):
            await self._delete(pod, "")
        for pod in pods:
            if pod.metadata.deletion_timestamp and not pod.spec.node_name:
                await self._delete(pod, "")
            elif pod.metadata.deletion_timestamp and self._collect_out_of_service(pod):
                await self._delete(pod, "PodGC: node is out of service")
        await self._collect_orphans()

    async def _collect_orphans(self) -> None:
        now = time.monotonic()
        names = {name for name in self._pods.store.index_values("node") if name}
        missing = {name for name in names if self._nodes.get("", name) is None}
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}
        for name, since in self._missing_since.items():
            if now - since >= QUARANTINE_SECONDS and await self._is_gone(name):
                for pod in self._pods.by_index("node", name):
                    await self._delete(pod, "PodGC: node no longer exists")

    async def _is_gone(self, name: str) -> bool:
        try:
            await self.resource_of(self._nodes).get(name)
        except ApiError as error:
            if error.is_not_found:
                return True
            raise
        return False

    def _collect_out_of_service(self, pod: Pod) -> bool:
        node = self._nodes.get("", pod.spec.node_name)
        if node is None or health.get_ready_status(node) == "True":
            return False
        return any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)

    async def _delete(self, pod: Pod, reason: str) -> None:
        """Delete without a grace period. Pods that have not ended become Failed first."""
        meta = pod.metadata
        try:
            if not pod_conditions.is_terminal(pod):
                await self._fail_pod(pod, reason)
            await self.resource_of(self._pods).delete(
                meta.name, namespace=meta.namespace, grace_period_seconds=0, preconditions_uid=meta.uid
            )
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise

    async def _fail_pod(self, pod: Pod, reason: str) -> None:
        status: dict[str, object] = {"phase": "Failed"}
        if reason:
            status["conditions"] = [
                {
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "DeletionByPodGC",
                    "message": reason,
                    "lastTransitionTime": timestamps.now(),
                }
            ]
        await self.resource_of(self._pods).patch(
            pod.metadata.name,
            {"metadata": {"uid": pod.metadata.uid}, "status": status},
            namespace=pod.metadata.namespace,
            subresource="status",
            patch_type=STRATEGIC_MERGE_PATCH,
        )


def list_beyond_threshold(pods: Sequence[Pod], threshold: int) -> list[Pod]:
    """The oldest ended pods beyond the threshold. 0 keeps all."""
    if threshold <= 0:
        return []
    ended = [pod for pod in pods if pod_conditions.is_terminal(pod) and not pod.metadata.deletion_timestamp]
    ended.sort(key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name))
    return ended[: max(0, len(ended) - threshold)]
