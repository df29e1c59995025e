"""Binds the claims of a pod before the pod itself is bound (BindPodVolumes of upstream's volume binder).

The scheduler reserves a volume or names the node for which one is provisioned. The volume controller and the
provisioner do the rest, which may take minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.client.rest import RestClient
from kprov.kube.component_helpers.persistent_volumes import (
    BOUND_BY_CONTROLLER,
    SELECTED_NODE,
    is_fully_bound,
    is_reserved_for,
    make_claim_reference,
)
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.volumes.listers import VolumeListers
from kprov.kube.scheduler.volumes.matching import match_node_affinity

#: bindTimeoutSeconds of upstream's VolumeBindingArgs.
BIND_SECONDS = 600.0


class BindingError(Exception):
    """The claims cannot be bound for the node. The pod is scheduled again."""


@dataclass(slots=True)
class PodBindings:
    """What is bound for a pod on a node: existing volumes, and claims that get a new volume."""

    node: str
    static: Sequence[tuple[PersistentVolumeClaim, PersistentVolume]]
    provisioned: Sequence[PersistentVolumeClaim]

    @property
    def is_empty(self) -> bool:
        return not self.static and not self.provisioned


@dataclass(slots=True)
class AssumedBindings:
    """Decided bindings that the caches may not show yet. Other pods must respect them."""

    #: Volume name > UID of the claim that gets it.
    claims: dict[str, str] = field(default_factory=dict)
    #: Claim > the node for which it is provisioned.
    nodes: dict[str, str] = field(default_factory=dict)

    def add(self, bindings: PodBindings) -> None:
        for claim, volume in bindings.static:
            self.claims[volume.metadata.name] = claim.metadata.uid
        for claim in bindings.provisioned:
            self.nodes[claim.metadata.uid] = bindings.node

    def remove(self, bindings: PodBindings) -> None:
        for _, volume in bindings.static:
            self.claims.pop(volume.metadata.name, None)
        for claim in bindings.provisioned:
            self.nodes.pop(claim.metadata.uid, None)


class VolumeBinder:
    def __init__(self, client: RestClient, listers: VolumeListers) -> None:
        self._claims = client.resource("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = client.resource("", "v1", "persistentvolumes", PersistentVolume)
        self._listers = listers

    async def bind(
        self, pod: Pod, bindings: PodBindings, state: ClusterState, timeout: float = BIND_SECONDS
    ) -> None:
        """Return when all claims are bound. Raises BindingError, ClientError."""
        claims = [*(claim for claim, _ in bindings.static), *bindings.provisioned]
        with self._listers.changes.watch(claim.key for claim in claims) as watch:
            versions = await self._write(bindings)
            try:
                async with asyncio.timeout(timeout):
                    while not self._are_bound(pod, bindings, versions, state):
                        await watch.wait()
            except TimeoutError:
                raise BindingError("binding volumes: context deadline exceeded") from None

    async def _write(self, bindings: PodBindings) -> dict[str, str]:
        """Write the decision. Returns the new resource versions of claims and volumes by UID."""
        versions: dict[str, str] = {}
        for claim, volume in bindings.static:
            change: JsonObject = {"spec": {"claimRef": make_claim_reference(claim)}}
            metadata: JsonObject = {"resourceVersion": volume.metadata.resource_version}
            if not is_reserved_for(volume, claim):
                metadata["annotations"] = {BOUND_BY_CONTROLLER: "yes"}
            new_volume = await self._volumes.patch(volume.metadata.name, {"metadata": metadata, **change})
            versions[volume.metadata.uid] = new_volume.metadata.resource_version
        for claim in bindings.provisioned:
            meta = claim.metadata
            if meta.annotations.get(SELECTED_NODE) == bindings.node:
                continue
            annotations = {SELECTED_NODE: bindings.node}
            body = {"metadata": {"resourceVersion": meta.resource_version, "annotations": annotations}}
            new_claim = await self._claims.patch(meta.name, body, namespace=meta.namespace)
            versions[meta.uid] = new_claim.metadata.resource_version
        return versions

    def _are_bound(
        self, pod: Pod, bindings: PodBindings, versions: dict[str, str], state: ClusterState
    ) -> bool:
        if not self._listers.has_pod(pod):
            raise BindingError("binding volumes: pod does not exist any more")
        return all(
            self._is_reserved_volume_bound(claim, volume, versions) for claim, volume in bindings.static
        ) and all(
            self._is_provisioned(claim, bindings.node, versions, state) for claim in bindings.provisioned
        )

    def _is_reserved_volume_bound(
        self, claim: PersistentVolumeClaim, volume: PersistentVolume, versions: dict[str, str]
    ) -> bool:
        name = volume.metadata.name
        cached = self._listers.get_volume(name)
        if cached is None:
            raise BindingError(
                f'binding volumes: failed to check binding: persistentvolume "{name}" not found'
            )
        if _is_older(cached, versions):
            return False
        if not (cached.spec.get("claimRef") or {}).get("uid"):
            raise BindingError(f'binding volumes: ClaimRef got reset for pv "{name}"')
        return is_fully_bound(self._get_claim(claim))

    def _is_provisioned(
        self, claim: PersistentVolumeClaim, node: str, versions: dict[str, str], state: ClusterState
    ) -> bool:
        cached = self._get_claim(claim)
        if _is_older(cached, versions):
            return False
        if cached.metadata.annotations.get(SELECTED_NODE) != node:
            # The provisioner asks for another node in this way.
            raise BindingError(f'binding volumes: provisioning failed for PVC "{claim.metadata.name}"')
        if name := cached.spec.get("volumeName"):
            volume = self._listers.get_volume(name)
            if volume is None:
                # Its event is not here yet.
                return False
            self._check_node(volume, node, state)
        return is_fully_bound(cached)

    def _get_claim(self, claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
        meta = claim.metadata
        cached = self._listers.get_claim(meta.namespace, meta.name)
        if cached is None or cached.metadata.uid != meta.uid:
            text = f'persistentvolumeclaim "{meta.name}" not found'
            raise BindingError(f"binding volumes: failed to check provisioning pvc: {text}")
        return cached

    def _check_node(self, volume: PersistentVolume, node: str, state: ClusterState) -> None:
        slot = state.slot_of.get(node)
        if slot is None:
            raise BindingError(f'binding volumes: failed to get node "{node}": node "{node}" not found')
        reachable = match_node_affinity(volume, state)
        if reachable is not None and not reachable[slot]:
            name = volume.metadata.name
            raise BindingError(
                f'binding volumes: pv "{name}" node affinity doesn\'t match node "{node}": no matching '
                "NodeSelectorTerms"
            )


def _is_older(cached: PersistentVolume | PersistentVolumeClaim, versions: dict[str, str]) -> bool:
    """Whether the cache does not have our own write yet."""
    written = versions.get(cached.metadata.uid)
    return written is not None and int(cached.metadata.resource_version) < int(written)
