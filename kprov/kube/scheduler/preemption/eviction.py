"""Deletes the victims of a preemption while other pods are scheduled (upstream's prepareCandidateAsync)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ApiError, ClientError
from kprov.kube.client.events import EventAction, EventRecorder, reference
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.client.rest import RestClient
from kprov.kube.component_helpers.pod_conditions import find_condition
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

REASON = "PreemptionByScheduler"
_CONDITION = "DisruptionTarget"


class Evictor:
    """Deletes victims.

    `cancel_binding` returns whether it stopped the binding of a pod, which then needs no deletion.
    """

    def __init__(
        self,
        client: RestClient,
        recorder: EventRecorder,
        cancel_binding: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._pods = client.resource("", "v1", "pods", Pod)
        self._recorder = recorder
        self._cancel_binding = cancel_binding

    async def preempt(self, pod: Pod, node: str, victims: Sequence[Pod], lower: Sequence[Pod]) -> bool:
        """Delete the victims. Returns whether all of them are gone or being deleted.

        `lower`: less important pods that are nominated for the node. They lose their nomination.
        """
        for other in lower:
            await self._clear_nomination(other)
        results = await asyncio.gather(*(self._evict(pod, node, victim) for victim in victims))
        return all(results)

    async def _clear_nomination(self, pod: Pod) -> None:
        if not pod.status.nominated_node_name:
            return
        try:
            await self._patch_status(pod, {"nominatedNodeName": None})
        except ClientError as error:
            # The pod fails on the node and gives the nomination up itself.
            log.warning("clearing nominatedNodeName of pod %s: %s", pod.key, error)

    async def _evict(self, pod: Pod, node: str, victim: Pod) -> bool:
        text = f"Preempted by pod {pod.metadata.uid} on node {node}"
        if self._cancel_binding(victim.metadata.uid):
            text += " (in kube-scheduler memory)."
        else:
            try:
                await self._delete(pod, victim)
            except ClientError as error:
                if isinstance(error, ApiError) and (error.is_not_found or error.is_conflict):
                    # Deleted in the meantime, perhaps created anew.
                    return True
                log.warning("preempting pod %s for %s: %s", victim.key, pod.key, error)
                return False
        log.info("pod %s on %s is preempted by pod %s", victim.key, node, pod.key)
        action = EventAction("Preempting", related=reference(pod, "v1", "Pod"))
        self._recorder.event(reference(victim, "v1", "Pod"), "Normal", "Preempted", text, action)
        return True

    async def _delete(self, pod: Pod, victim: Pod) -> None:
        """Tell the pod's owner why, then delete it with its own grace period."""
        message = f"{pod.spec.scheduler_name}: preempting to accommodate a higher priority pod"
        before = find_condition(victim, _CONDITION)
        if before is None or (before.status, before.reason, before.message) != ("True", REASON, message):
            condition = {
                "type": _CONDITION,
                "status": "True",
                "reason": REASON,
                "message": message,
                "observedGeneration": victim.metadata.generation,
                "lastTransitionTime": timestamps.now(),
            }
            await self._patch_status(victim, {"conditions": [condition]})
        meta = victim.metadata
        await self._pods.delete(meta.name, namespace=meta.namespace, preconditions_uid=meta.uid)

    async def _patch_status(self, pod: Pod, status: JsonObject) -> None:
        await self._pods.patch(
            pod.metadata.name,
            {"metadata": {"uid": pod.metadata.uid}, "status": status},
            namespace=pod.metadata.namespace,
            subresource="status",
            patch_type=STRATEGIC_MERGE_PATCH,
        )
