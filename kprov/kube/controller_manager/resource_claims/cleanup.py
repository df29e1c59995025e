"""What is left to do for a claim whose consumers are gone."""

from collections.abc import Awaitable, Callable
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.client import ApiError
from kprov.kube.client.resource import ResourceClient
from kprov.kube.component_helpers.pod_resource_claims import (
    find_owning_pod,
    is_allocated,
    is_pod_reservation,
    list_reservations,
)
from kprov.kube.machinery.json_object import JsonObject

_FINALIZER: Final = "resource.kubernetes.io/delete-protection"


def is_done(pod: Pod) -> bool:
    """Whether the pod uses no device any more: it has ended, or was deleted before it got a node."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return True
    return bool(pod.metadata.deletion_timestamp) and not pod.spec.node_name


class ClaimCleanup:
    """Ends reservations of pods that are gone, then the allocation. Deletes claims of pods that are done."""

    def __init__(
        self,
        claims: ResourceClient[JsonObject],
        *,
        find_pod: Callable[[str, str], Pod | None],
        is_live: Callable[[str, str, str], Awaitable[bool]],
    ) -> None:
        """is_live: whether the server has a pod of that namespace, name and UID."""
        self._claims = claims
        self._find_pod = find_pod
        self._is_live = is_live

    async def clean(self, claim: JsonObject) -> None:
        """Do all of it for one claim. Writes fail if the claim has changed meanwhile."""
        reserved = list_reservations(claim)
        remaining = [entry for entry in reserved if await self._is_needed(claim, entry)]
        is_deleted = bool(claim["metadata"].get("deletionTimestamp"))
        if len(remaining) < len(reserved):
            # A driver may allocate without reserving: only the end of the last reservation deallocates.
            claim = await self._write_status(claim, remaining)
            if not is_allocated(claim):
                await self._remove_finalizer(claim)
        elif is_deleted and not remaining and _has_finalizer(claim):
            if is_allocated(claim):
                claim = await self._write_status(claim, [])
            await self._remove_finalizer(claim)
        if not remaining:
            await self._delete_unneeded(claim)

    async def _is_needed(self, claim: JsonObject, entry: JsonObject) -> bool:
        """Whether a reservation stays. Only those of pods end here."""
        if not is_pod_reservation(entry):
            return True
        namespace = claim["metadata"]["namespace"]
        pod = self._find_pod(namespace, entry["name"])
        if pod is None:
            # The informer may not have the pod yet while the scheduler reserves the claim for it.
            return await self._is_live(namespace, entry["name"], entry["uid"])
        return pod.metadata.uid == entry["uid"] and not is_done(pod)

    async def _write_status(self, claim: JsonObject, remaining: list[JsonObject]) -> JsonObject:
        status = {**(claim.get("status") or {}), "reservedFor": remaining}
        if not remaining and _has_finalizer(claim):
            # The scheduler allocates again for the next consumer.
            status.pop("allocation", None)
        return await self._claims.update({**claim, "status": status}, subresource="status")

    async def _remove_finalizer(self, claim: JsonObject) -> None:
        if _has_finalizer(claim):
            metadata = claim["metadata"]
            finalizers = [finalizer for finalizer in metadata["finalizers"] if finalizer != _FINALIZER]
            await self._claims.update({**claim, "metadata": {**metadata, "finalizers": finalizers}})

    async def _delete_unneeded(self, claim: JsonObject) -> None:
        """Delete a generated claim whose pod is done. If the pod is gone, the garbage collector does it."""
        metadata = claim["metadata"]
        owner = find_owning_pod(claim)
        pod = self._find_pod(metadata["namespace"], owner[0]) if owner is not None else None
        if owner is None or pod is None or not (pod.metadata.uid != owner[1] or is_done(pod)):
            return
        try:
            await self._claims.delete(
                metadata["name"], namespace=metadata["namespace"], preconditions_uid=metadata["uid"]
            )
        except ApiError as error:
            if not error.is_not_found:
                raise


def _has_finalizer(claim: JsonObject) -> bool:
    return _FINALIZER in (claim["metadata"].get("finalizers") or ())
