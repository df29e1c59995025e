"""Writes claims: allocation, finalizer and reservation before a pod is bound, and their removal."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ApiError, ClientError
from kprov.kube.client.resource import MERGE_PATCH, STRATEGIC_MERGE_PATCH
from kprov.kube.client.rest import RestClient
from kprov.kube.component_helpers.pod_resource_claims import GROUP
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonMapping, JsonObject

#: resourceapi.Finalizer: an allocated claim stays until its devices are free.
FINALIZER = "resource.kubernetes.io/delete-protection"
_TRIES = 5
_CONFLICT_SECONDS = 0.01


class ClaimBindingError(Exception):
    """The claim has changed in a way that needs another decision. The message is upstream's."""


class ClaimBinder:
    def __init__(self, client: RestClient) -> None:
        self._claims = client.resource(GROUP, "v1", "resourceclaims")
        self._pods = client.resource("", "v1", "pods")

    async def bind(self, claim: JsonObject, allocation: JsonMapping | None, pod: Pod) -> JsonObject:
        """Write the reservation, and the allocation if any. Raises ClaimBindingError, ClientError."""
        for attempt in range(_TRIES):
            try:
                return await self._write(claim, allocation, pod)
            except ApiError as error:
                if not error.is_conflict or attempt == _TRIES - 1:
                    raise
            await asyncio.sleep(_CONFLICT_SECONDS)
            meta = claim["metadata"]
            claim = await self._claims.get(meta["name"], namespace=meta["namespace"])
        raise AssertionError("unreachable")

    async def _write(self, claim: JsonObject, allocation: JsonMapping | None, pod: Pod) -> JsonObject:
        changed = copy.deepcopy(claim)
        meta = changed["metadata"]
        key = f"{meta['namespace']}/{meta['name']}"
        if meta.get("deletionTimestamp"):
            raise ClaimBindingError(f"claim {key} got deleted in the meantime")
        if allocation is not None:
            if (changed.get("status") or {}).get("allocation"):
                raise ClaimBindingError(f"claim {key} got allocated elsewhere in the meantime")
            if FINALIZER not in (meta.get("finalizers") or ()):
                meta["finalizers"] = [*(meta.get("finalizers") or ()), FINALIZER]
                changed = await self._claims.update(changed)
            changed.setdefault("status", {})["allocation"] = dict(allocation)
        status = changed.get("status") or {}
        if not status.get("allocation"):
            raise ClaimBindingError(f"claim {key} got deallocated elsewhere in the meantime")
        status["allocation"].setdefault("allocationTimestamp", timestamps.now())
        consumer = {"resource": "pods", "name": pod.metadata.name, "uid": pod.metadata.uid}
        status["reservedFor"] = [*(status.get("reservedFor") or ()), consumer]
        return await self._claims.update(changed, subresource="status")

    async def create(self, claim: JsonObject) -> JsonObject:
        """Create a claim that exists in memory only. Raises ClientError."""
        unknown = {"name", "uid"}
        metadata = {name: value for name, value in claim["metadata"].items() if name not in unknown}
        body = {"metadata": metadata, "spec": claim["spec"]}
        return await self._claims.create(body, namespace=metadata["namespace"])

    async def write_mappings(self, pod: Pod, claim: str, mappings: Sequence[JsonObject]) -> None:
        """Tell the kubelet which devices of the claim are for which container. Raises ClientError."""
        status = {"resourceClaimName": claim, "requestMappings": list(mappings)}
        await self._pods.patch(
            pod.metadata.name,
            {"metadata": {"uid": pod.metadata.uid}, "status": {"extendedResourceClaimStatus": status}},
            namespace=pod.metadata.namespace,
            subresource="status",
            patch_type=STRATEGIC_MERGE_PATCH,
        )

    async def delete(self, claim: JsonObject) -> bool:
        """Delete a claim of the scheduler with its devices. Returns whether it is gone."""
        meta = claim["metadata"]
        kept = [name for name in meta.get("finalizers") or () if name != FINALIZER]
        # A strategic merge patch would merge the lists.
        body = {"metadata": {"uid": meta["uid"], "finalizers": kept or None}}
        try:
            await self._claims.patch(meta["name"], body, namespace=meta["namespace"], patch_type=MERGE_PATCH)
            await self._claims.delete(
                meta["name"], namespace=meta["namespace"], preconditions_uid=meta["uid"]
            )
        except ApiError as error:
            return error.is_not_found
        except ClientError:
            return False
        return True

    async def remove_reservation(self, claim: JsonObject, pod: Pod) -> JsonObject | None:
        """Remove the reservation of a pod that does not use the claim.

        Return None if that fails: the pod retries.
        """
        meta = claim["metadata"]
        entry = {"$patch": "delete", "uid": pod.metadata.uid}
        body = {"metadata": {"uid": meta["uid"]}, "status": {"reservedFor": [entry]}}
        try:
            return await self._claims.patch(
                meta["name"],
                body,
                namespace=meta["namespace"],
                subresource="status",
                patch_type=STRATEGIC_MERGE_PATCH,
            )
        except ClientError:
            return None

    async def deallocate(self, claim: JsonObject) -> bool:
        """Free the devices of a claim that no other pod uses. Return whether that succeeded."""
        changed = copy.deepcopy(claim)
        for field in ("reservedFor", "allocation", "devices"):
            changed["status"].pop(field, None)
        try:
            await self._claims.update(changed, subresource="status")
        except ApiError:
            return False
        return True
