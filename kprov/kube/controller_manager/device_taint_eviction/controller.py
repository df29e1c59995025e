"""Deletes pods from tainted devices when their tolerations end (pkg/controller/devicetainteviction)."""

import logging
import time
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.client import ApiError, reference, run_workers
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.client.store import key_of, split_key
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers.pod_resource_claims import (
    GROUP,
    find_claim_name,
    get_generated_names,
    is_claim_of_pod,
    is_pod_reservation,
    is_reserved_for,
    list_reservations,
)
from kprov.kube.controller_manager.device_taint_eviction.eviction_time import (
    compute_eviction_time,
    find_device,
    has_evicting_taint,
)
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_POOL_INDEX: Final = "device-pool"
_EVENT: Final = "DeviceTaintManagerEviction"
_DELETIONS: Final = metrics.counter(
    "device_taint_eviction_controller_pod_deletions",
    "Total number of Pods deleted by DeviceTaintEvictionController since its start.",
)
_LATENCY: Final = metrics.histogram(
    "device_taint_eviction_controller_pod_deletion_duration_seconds",
    "Latency, in seconds, between the time when a device taint effect has been activated and a Pod's "
    "deletion via DeviceTaintEvictionController.",
    buckets=[0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240],
)


class DeviceTaintEvictionController(Controller):
    """Keys are pods. The queue brings a pod back when its eviction is due."""

    name = "device-taint-eviction-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._recorder = context.make_recorder(self.name)
        self._pods = informers.informer("", "v1", "pods", Pod)
        self._claims = informers.informer(
            GROUP, "v1", "resourceclaims", indexers={_POOL_INDEX: _list_pools_of_claim}
        )
        self._slices = informers.informer(
            GROUP,
            "v1",
            "resourceslices",
            indexers={_POOL_INDEX: lambda resource_slice: [_get_pool(resource_slice)]},
        )
        # Pods that will be evicted.
        self._due: set[str] = set()
        self._pods.add_handler(
            on_add=self._handle_pod,
            on_update=self._handle_pod_update,
            on_delete=lambda pod: self._due.discard(pod.key),
        )
        self._claims.add_handler(
            on_add=self._handle_claim, on_update=self._handle_claim_update, on_delete=self._handle_claim
        )
        self._slices.add_handler(
            on_add=self._handle_slice, on_update=self._handle_slice_update, on_delete=self._handle_slice
        )

    async def run(self) -> None:
        workers = self.context.options.concurrent_device_taint_eviction_syncs
        await run_workers(self.queue, self.sync, workers=workers, name=self.name)

    async def sync(self, key: str) -> None:
        pod = self._pods.get(*split_key(key))
        if pod is None or pod.metadata.deletion_timestamp:
            self._due.discard(key)
            return
        when = self._compute_eviction_time(pod)
        if when is None:
            if key in self._due:
                self._due.discard(key)
                self._recorder.event(reference(pod, "v1", "Pod"), "Normal", _EVENT, "Cancelling deletion")
            return
        self._due.add(key)
        left = when - time.time()
        if left > 0:
            self.queue.add_after(key, left + 0.01)
        else:
            await self._evict(pod, when)

    def _compute_eviction_time(self, pod: Pod) -> float | None:
        """Return the Unix time at which the pod has to go. None: it may stay."""
        if not pod.spec.node_name:
            return None
        generated = get_generated_names(pod)
        times: list[float] = []
        for entry in pod.spec.resource_claims:
            name = find_claim_name(entry, generated)
            claim = self._claims.get(pod.metadata.namespace, name) if name else None
            if claim is None or not is_reserved_for(claim, pod):
                continue
            if entry.resource_claim_template_name is None or is_claim_of_pod(claim, pod):
                times += self._list_eviction_times(claim)
        return min(times, default=None)

    def _list_eviction_times(self, claim: JsonObject) -> list[float]:
        times = []
        for result in _list_results(claim):
            slices = self._slices.by_index(_POOL_INDEX, f"{result['driver']}/{result['pool']}")
            device = find_device(slices, result["device"])
            when = compute_eviction_time(result, device) if device is not None else None
            if when is not None:
                times.append(when)
        return times

    async def _evict(self, pod: Pod, when: float) -> None:
        pods, namespace, name = self.resource_of(self._pods), pod.metadata.namespace, pod.metadata.name
        try:
            live = await pods.get(name, namespace=namespace)
            if live.metadata.uid != pod.metadata.uid or live.metadata.deletion_timestamp:
                return
            self._recorder.event(reference(pod, "v1", "Pod"), "Normal", _EVENT, "Marking for deletion")
            disruption = {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByDeviceTaintManager",
                "message": "Device Taint manager: deleting due to NoExecute taint",
                "lastTransitionTime": timestamps.now(),
            }
            await pods.patch(
                name,
                {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [disruption]}},
                namespace=namespace,
                subresource="status",
                patch_type=STRATEGIC_MERGE_PATCH,
            )
            await pods.delete(name, namespace=namespace, preconditions_uid=pod.metadata.uid)
        except ApiError as error:
            if not error.is_not_found:
                raise
        else:
            log.info("deleted the pod %s: a device has a taint that it does not tolerate", pod.key)
            _DELETIONS.inc()
            _LATENCY.observe(time.time() - when)

    def _handle_pod(self, pod: Pod) -> None:
        if pod.spec.resource_claims and pod.spec.node_name:
            self.enqueue(pod)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if (
            old.spec.node_name != new.spec.node_name
            or old.status.resource_claim_statuses != new.status.resource_claim_statuses
        ):
            self._handle_pod(new)

    def _handle_claim_update(self, old: JsonObject, new: JsonObject) -> None:
        self._handle_claim(old)
        self._handle_claim(new)

    def _handle_claim(self, claim: JsonObject) -> None:
        namespace, _ = key_of(claim)
        for entry in list_reservations(claim):
            if is_pod_reservation(entry) and _list_results(claim):
                self.queue.add(f"{namespace}/{entry['name']}")

    def _handle_slice_update(self, old: JsonObject, new: JsonObject) -> None:
        if old["spec"] != new["spec"]:
            self._handle_slice(old)
            self._handle_slice(new)

    def _handle_slice(self, resource_slice: JsonObject) -> None:
        """Look at the pods of the pool again, if a taint came, goes or is there."""
        pool = _get_pool(resource_slice)
        slices = [resource_slice, *self._slices.by_index(_POOL_INDEX, pool)]
        if any(has_evicting_taint(slice_) for slice_ in slices):
            for claim in self._claims.by_index(_POOL_INDEX, pool):
                self._handle_claim(claim)


def _get_pool(resource_slice: JsonObject) -> str:
    spec = resource_slice["spec"]
    return f"{spec['driver']}/{spec['pool']['name']}"


def _list_pools_of_claim(claim: JsonObject) -> set[str]:
    return {f"{result['driver']}/{result['pool']}" for result in _list_results(claim)}


def _list_results(claim: JsonObject) -> list[JsonObject]:
    """Return the devices that are allocated to the claim."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    return list((allocation.get("devices") or {}).get("results") or ())
