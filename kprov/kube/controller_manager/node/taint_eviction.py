"""Deletes pods from nodes whose NoExecute taints they do not tolerate, or not any longer (tainteviction)."""

import time
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.core import Node, Pod, Taint, Toleration
from kprov.kube.client import ApiError, reference
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.client.store import split_key
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers.taints import NO_EXECUTE, tolerates
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery import timestamps

_DELETIONS: Final = metrics.counter(
    "taint_eviction_controller_pod_deletions",
    "Total number of Pods deleted by TaintEvictionController since its start.",
)
_LATENCY: Final = metrics.histogram(
    "taint_eviction_controller_pod_deletion_duration_seconds",
    "Latency, in seconds, between the time when a taint effect has been activated for the Pod and its "
    "deletion via TaintEvictionController.",
    buckets=[0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240],
)


def get_toleration_seconds(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> float | None:
    """Seconds that a pod may stay on a node with these taints. None: for ever."""
    times = []
    for taint in taints:
        fitting = [toleration for toleration in tolerations if tolerates(toleration, taint)]
        if not fitting:
            return 0.0
        times += [
            toleration.toleration_seconds
            for toleration in fitting
            if toleration.toleration_seconds is not None
        ]
    return max(0.0, float(min(times))) if times else None


class TaintEvictionController(Controller):
    """Keys are pods. The queue brings a pod back when its eviction is due."""

    name = "taint_eviction_controller"
    queue_name = "noexec_taint_pod"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.make_recorder("taint-eviction-controller")
        # Monotonic time since when each pod does not tolerate a taint of its node.
        self._since: dict[str, float] = {}
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._pods = context.informers.informer(
            "", "v1", "pods", Pod, indexers={"node": lambda pod: [pod.spec.node_name]}
        )
        self._nodes.add_handler(on_add=self._handle_node_change, on_update=self._handle_node_update)
        self._pods.add_handler(
            on_add=self._handle_pod_change,
            on_update=self._handle_pod_update,
            on_delete=self._handle_pod_delete,
        )

    async def sync(self, key: str) -> None:
        pod = self._pods.get(*split_key(key))
        node = self._nodes.get("", pod.spec.node_name) if pod else None
        if pod is None or node is None or pod.metadata.deletion_timestamp:
            self._since.pop(key, None)
            return
        taints = _must_stay(node)
        seconds = get_toleration_seconds(taints, pod.spec.tolerations) if taints else None
        if seconds is None:
            if self._since.pop(key, None) is not None:
                text = f"Cancelling deletion of Pod {key}"
                self._recorder.event(reference(pod, "v1", "Pod"), "Normal", "TaintManagerEviction", text)
            return
        left = self._since.setdefault(key, time.monotonic()) + seconds - time.monotonic()
        if left > 0:
            self.queue.add_after(key, left + 0.01)
            return
        await self._evict(pod, -left)

    async def _evict(self, pod: Pod, late: float) -> None:
        """late: seconds since the eviction is due."""
        start = time.monotonic()
        text = f"Marking for deletion Pod {pod.key}"
        self._recorder.event(reference(pod, "v1", "Pod"), "Normal", "TaintManagerEviction", text)
        disruption = {
            "type": "DisruptionTarget",
            "observedGeneration": pod.metadata.generation,
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": timestamps.now(),
        }
        try:
            await self.resource_of(self._pods).patch(
                pod.metadata.name,
                {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [disruption]}},
                namespace=pod.metadata.namespace,
                subresource="status",
                patch_type=STRATEGIC_MERGE_PATCH,
            )
            await self.resource_of(self._pods).delete(
                pod.metadata.name, namespace=pod.metadata.namespace, preconditions_uid=pod.metadata.uid
            )
        except ApiError as error:
            if not error.is_not_found:
                raise
        else:
            _DELETIONS.inc()
            _LATENCY.observe(late + time.monotonic() - start)

    def _handle_pod_delete(self, pod: Pod) -> None:
        self._since.pop(pod.key, None)

    def _handle_node_change(self, node: Node) -> None:
        if _must_stay(node):
            for pod in self._pods.by_index("node", node.metadata.name):
                self.enqueue(pod)

    def _handle_node_update(self, old: Node, new: Node) -> None:
        if _must_stay(old) != _must_stay(new):
            for pod in self._pods.by_index("node", new.metadata.name):
                self.enqueue(pod)

    def _handle_pod_change(self, pod: Pod) -> None:
        node = self._nodes.get("", pod.spec.node_name) if pod.spec.node_name else None
        if node is not None and _must_stay(node):
            self.enqueue(pod)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if old.spec.node_name != new.spec.node_name or old.spec.tolerations != new.spec.tolerations:
            self._handle_pod_change(new)


def _must_stay(node: Node) -> list[Taint]:
    return [taint for taint in node.spec.taints if taint.effect == NO_EXECUTE]
