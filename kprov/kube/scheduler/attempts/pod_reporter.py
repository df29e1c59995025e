"""Tells users about a pod: its events, its condition PodScheduled, and the node for which it is nominated."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ClientError
from kprov.kube.client.events import EventAction, EventRecorder, reference
from kprov.kube.client.rest import RestClient
from kprov.kube.component_helpers.pod_conditions import find_condition
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

UNSCHEDULABLE = "Unschedulable"
SCHEDULER_ERROR = "SchedulerError"
_BINDING = EventAction("Binding")
_SCHEDULING = EventAction("Scheduling")


class PodReporter:
    """Writes events and the status of pods. `recorders`: by the names of the profiles."""

    def __init__(self, client: RestClient, recorders: Mapping[str, EventRecorder]) -> None:
        self._client = client
        self._recorders = recorders

    def report_scheduled(self, pod: Pod, node: str) -> None:
        about, text = reference(pod, "v1", "Pod"), f"Successfully assigned {pod.key} to {node}"
        self._get_recorder(pod).event(about, "Normal", "Scheduled", text, _BINDING)

    async def report_failure(self, pod: Pod, reason: str, message: str, node: str | None) -> None:
        """Report why a pod has no node.

        `node`: the node for which the pod is nominated, "" for none, None if its nomination stays.
        """
        about = reference(pod, "v1", "Pod")
        self._get_recorder(pod).event(about, "Warning", "FailedScheduling", message, _SCHEDULING)
        status: JsonObject = {}
        if node is not None and node != pod.status.nominated_node_name:
            status["nominatedNodeName"] = node or None
        before = find_condition(pod, "PodScheduled")
        if before is None or (before.status, before.reason, before.message) != ("False", reason, message):
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": reason,
                "message": message,
                "observedGeneration": pod.metadata.generation,
                "lastProbeTime": None,
                "lastTransitionTime": timestamps.now() if before is None else before.last_transition_time,
            }
            status["conditions"] = [condition]
        if status:
            await self._patch_status(pod, status)

    async def write_nomination(self, pod: Pod, node: str) -> None:
        """Write the node for which the pod is nominated, "" for none."""
        await self._patch_status(pod, {"nominatedNodeName": node or None})

    def _get_recorder(self, pod: Pod) -> EventRecorder:
        return self._recorders[pod.spec.scheduler_name]

    async def _patch_status(self, pod: Pod, status: JsonObject) -> None:
        try:
            await self._client.resource("", "v1", "pods").patch(
                pod.metadata.name,
                {"status": status},
                namespace=pod.metadata.namespace,
                patch_type="application/strategic-merge-patch+json",
                subresource="status",
            )
        except ClientError as error:
            log.info("writing the status of pod %s: %s", pod.key, error)
