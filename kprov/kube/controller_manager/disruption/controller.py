"""The disruption controller (pkg/controller/disruption)."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.client import ApiError, WorkQueue, reference, run_workers
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.client.selector_index import SelectorIndex
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.disruption import budget
from kprov.kube.controller_manager.disruption.scales import NoScaleError, Scales
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import get_required_labels, parse_selector
from kprov.kube.controller_manager.framework.updates import update_status
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

_UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. "
    "As a result, the status of the PDB cannot be calculated correctly, which may result in "
    'undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an '
    "integer value."
)


class DisruptionController(Controller):
    """Counts the healthy pods of each budget. The API server's evictions use the status that it writes."""

    name = "disruption"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.make_recorder("controllermanager")
        self._scales = Scales(context)
        self._stale: WorkQueue[str] = WorkQueue("stale_pod_disruption")
        self._budgets = context.informers.informer(
            "policy", "v1", "poddisruptionbudgets", PodDisruptionBudget
        )
        self._pods = context.informers.informer("", "v1", "pods", Pod)
        self._selecting = SelectorIndex(self._budgets, lambda pdb: get_required_labels(pdb.spec.selector))
        self._budgets.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._pods.add_handler(
            on_add=self._handle_pod_change,
            on_update=lambda _, new: self._handle_pod_change(new),
            on_delete=self._notify,
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(run_workers(self._stale, self.sync_stale, name="stale_pod_disruption"))

    async def sync(self, key: str) -> None:
        pdb = self._budgets.get(*split_key(key))
        if pdb is None:
            return
        try:
            again = await self._try(pdb)
        except (ApiError, NoScaleError) as error:
            if isinstance(error, ApiError) and error.is_conflict:
                raise
            log.warning("computing the status of %s: %s", key, error)
            await self._write(pdb, budget.make_failed_status(pdb, str(error), timestamps.now()))
            return
        if again is not None:
            self.queue.add_after(key, again)

    async def sync_stale(self, key: str) -> None:
        """Unset the condition DisruptionTarget of a pod that was not deleted."""
        pod = self._pods.get(*split_key(key))
        wait = budget.get_seconds_until_stale(pod, time.time()) if pod is not None else None
        if pod is None or wait is None:
            return
        if wait > 0:
            self._stale.add_after(key, wait)
            return
        mark: dict[str, Any] = {"type": budget.TARGET, "status": "False", "reason": None, "message": None}
        mark["lastTransitionTime"] = timestamps.now()
        mark["observedGeneration"] = pod.metadata.generation
        versions = {"uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version}
        await self.resource_of(self._pods).patch(
            pod.metadata.name,
            {"metadata": versions, "status": {"conditions": [mark]}},
            namespace=pod.metadata.namespace,
            subresource="status",
            patch_type=STRATEGIC_MERGE_PATCH,
        )

    async def _try(self, pdb: PodDisruptionBudget) -> float | None:
        """Write the status. Returns the seconds until the next sync, None if none is needed."""
        selector = parse_selector(pdb.spec.selector)
        required = get_required_labels(pdb.spec.selector)
        candidates = [] if required is None else self._pods.with_labels(pdb.metadata.namespace, required)
        pods = [pod for pod in candidates if selector.matches(pod.metadata.labels)]
        if not pods:
            self._event(pdb, "Normal", "NoPods", "No matching pods found")
        expected = await self._compute_expected_count(pdb, pods)
        now = time.time()
        evicted = budget.find_evicted(pdb, pods, now)
        for pod in evicted.stayed:
            text = f"Pod was expected by PDB {pdb.key} to be deleted but it wasn't"
            self._recorder.event(reference(pod, "v1", "Pod"), "Warning", "NotDeleted", text)
        document = budget.make_status(
            pdb,
            current=budget.count_healthy(pods, evicted.awaited),
            wanted=budget.compute_desired(pdb, expected),
            expected=expected,
            awaited=evicted.awaited,
            stamp=timestamps.now(),
        )
        if not budget.is_current(pdb, document):
            # Null removes a key.
            gone = dict.fromkeys(pdb.status.disrupted_pods)
            await self._write(pdb, {**document, "disruptedPods": {**gone, **evicted.awaited}})
        return evicted.again

    async def _compute_expected_count(self, pdb: PodDisruptionBudget, pods: Sequence[Pod]) -> int:
        if not budget.needs_scale(pdb):
            return len(pods)
        try:
            expected, unmanaged = await self._scales.wanted(pods)
        except (ApiError, NoScaleError) as error:
            text = f"Failed to calculate the number of expected pods: {error}"
            self._event(pdb, "Warning", "CalculateExpectedPodCountFailed", text)
            raise
        if unmanaged:
            selector = parse_selector(pdb.spec.selector)
            self._event(pdb, "Warning", "UnmanagedPods", _UNMANAGED.format(selector=selector))
        return expected

    async def _write(self, pdb: PodDisruptionBudget, status: dict[str, Any]) -> None:
        """Write only if the version is the one that was read: a later eviction must be counted first."""
        await update_status(self.resource_of(self._budgets), pdb, status, retry=False)

    def _event(self, pdb: PodDisruptionBudget, kind: Any, reason: str, text: str) -> None:
        self._recorder.event(reference(pdb, "policy/v1", "PodDisruptionBudget"), kind, reason, text)

    def _handle_pod_change(self, pod: Pod) -> None:
        self._notify(pod)
        wait = budget.get_seconds_until_stale(pod, time.time())
        if wait is not None:
            self._stale.add_after(pod.key, wait)

    def _notify(self, pod: Pod) -> None:
        matching = [
            pdb
            for pdb in self._selecting.find(pod.metadata.namespace, pod.metadata.labels)
            if parse_selector(pdb.spec.selector).matches(pod.metadata.labels)
        ]
        if len(matching) > 1:
            meta, name = pod.metadata, matching[0].metadata.name
            text = (
                f'Pod "{meta.namespace}"/"{meta.name}" matches multiple PodDisruptionBudgets.  '
                f'Chose "{name}" arbitrarily.'
            )
            self._recorder.event(reference(pod, "v1", "Pod"), "Warning", "MultiplePodDisruptionBudgets", text)
        if matching:
            self.enqueue(matching[0])
