"""Deletes pods of nodes that are gone, and ended pods beyond a threshold (pkg/controller/podgc)."""

import logging
import time
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.core import Node, Pod
from kprov.kube.client import ApiError
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.node import health
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 20.0
# Seconds after which the server is asked for a missing node, before its pods are deleted.
QUARANTINE_SECONDS: Final = 40.0
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"

_DELETIONS: Final = metrics.counter(
    "pod_gc_collector_force_delete_pods",
    "Number of pods that are being forcefully deleted since the Pod GC Controller started.",
    ["namespace", "reason"],
)
_ERRORS: Final = metrics.counter(
    "pod_gc_collector_force_delete_pod_errors",
    "Number of errors encountered when forcefully deleting the pods since the Pod GC Controller started.",
    ["namespace", "reason"],
)


class PodGarbageCollector(Controller):
    """Checks every 20 seconds. Its queue stays empty."""

    name = "pod_gc"
    queue_name = ""

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
            await self._delete(pod, "terminated")
        for pod in pods:
            if not pod.metadata.deletion_timestamp:
                continue
            if not pod.spec.node_name:
                await self._delete(pod, "unscheduled")
            elif self._is_out_of_service(pod.spec.node_name):
                await self._delete(pod, "out-of-service")
        await self._collect_orphans()

    async def _collect_orphans(self) -> None:
        now = time.monotonic()
        names = {name for name in self._pods.store.index_values("node") if name}
        missing = {name for name in names if self._nodes.get("", name) is None}
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}
        for name, since in self._missing_since.items():
            if now - since >= QUARANTINE_SECONDS and await self._is_gone(name):
                for pod in self._pods.by_index("node", name):
                    await self._delete(pod, "orphaned", "PodGC: node no longer exists")

    async def _is_gone(self, name: str) -> bool:
        try:
            await self.resource_of(self._nodes).get(name)
        except ApiError as error:
            if error.is_not_found:
                return True
            raise
        return False

    def _is_out_of_service(self, name: str) -> bool:
        node = self._nodes.get("", name)
        if node is None or health.get_ready_status(node) == "True":
            return False
        return any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)

    async def _delete(self, pod: Pod, reason: str, disruption: str = "") -> None:
        """Delete without a grace period. Pods that have not ended become Failed first.

        reason: for the metrics. disruption: the message of their condition DisruptionTarget.
        """
        meta = pod.metadata
        log.info("deleting the pod %s by force: %s", pod.key, reason)
        _DELETIONS.labels(meta.namespace, reason).inc()
        try:
            if not pod_conditions.is_terminal(pod):
                await self._fail_pod(pod, disruption)
            await self.resource_of(self._pods).delete(
                meta.name, namespace=meta.namespace, grace_period_seconds=0, preconditions_uid=meta.uid
            )
        except ApiError as error:
            # The next pass tries again. The other pods do not wait for this one.
            if not (error.is_not_found or error.is_conflict):
                _ERRORS.labels(meta.namespace, reason).inc()
                log.warning("cannot delete the pod %s: %s", pod.key, error)

    async def _fail_pod(self, pod: Pod, reason: str) -> None:
        generation = pod.metadata.generation
        status: dict[str, object] = {"phase": "Failed", "observedGeneration": generation}
        if reason:
            status["conditions"] = [
                {
                    "type": "DisruptionTarget",
                    "observedGeneration": generation,
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
    """Return the ended pods beyond the threshold, first the evicted ones, then the oldest. 0 keeps all."""
    if threshold <= 0:
        return []
    ended = [pod for pod in pods if pod_conditions.is_terminal(pod) and not pod.metadata.deletion_timestamp]
    ended.sort(key=_get_order)
    return ended[: max(0, len(ended) - threshold)]


def _get_order(pod: Pod) -> tuple[bool, str, str]:
    is_evicted = pod.status.phase == "Failed" and pod.status.reason == "Evicted"
    return not is_evicted, pod.metadata.creation_timestamp or "", pod.metadata.name
