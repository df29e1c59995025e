"""VolumeBinding: the volumes of a pod's claims must be reachable from its node, or be bound for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.component_helpers import persistent_volumes as rules
from kprov.kube.component_helpers.persistent_volumes import SELECTED_NODE
from kprov.kube.component_helpers.pod_claims import is_claim_of, list_claim_names
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, PluginError, Rejection
from kprov.kube.scheduler.framework.status import SKIP, Status, reject
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.volumes.binder import (
    BIND_SECONDS,
    AssumedBindings,
    BindingError,
    PodBindings,
    VolumeBinder,
)
from kprov.kube.scheduler.volumes.hints import has_other_topologies, uses_claim
from kprov.kube.scheduler.volumes.listers import VolumeListers
from kprov.kube.scheduler.volumes.matching import ClaimMatches, match_claims, match_node_affinity

_NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
_BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
_NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


class _ClaimError(Exception):
    """Why a pod with this claim fits on no node."""


@dataclass(slots=True)
class _PodClaims:
    """The claims of a pod: bound ones, and those that are bound once the pod has a node."""

    bound: list[PersistentVolumeClaim] = field(default_factory=list)
    delayed: list[PersistentVolumeClaim] = field(default_factory=list)
    matches: ClaimMatches | None = None
    bindings: PodBindings | None = None


class VolumeBinding(Plugin):
    name = "VolumeBinding"
    reports_all_reasons = True

    def __init__(
        self,
        listers: VolumeListers,
        binder: VolumeBinder | None = None,
        assumed: AssumedBindings | None = None,
        timeout: float = BIND_SECONDS,
    ) -> None:
        """Create the plugin. Without a binder it only filters. `assumed` is shared by all profiles."""
        self._listers = listers
        self._binder = binder
        self._assumed = AssumedBindings() if assumed is None else assumed
        self._timeout = timeout

    def list_events(self) -> Sequence[EventRegistration]:
        change = Action.ADD | Action.UPDATE
        return (
            EventRegistration(Resource.STORAGE_CLASS, change, has_other_topologies),
            EventRegistration(Resource.PERSISTENT_VOLUME_CLAIM, change, uses_claim),
            EventRegistration(Resource.PERSISTENT_VOLUME, change),
            EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL),
        )

    def pre_filter(self, cycle: CycleState) -> Status | None:
        pod = cycle.info.pod
        claims = _PodClaims()
        try:
            for name, is_ephemeral in list_claim_names(pod):
                self._add_claim(claims, self._find_claim(pod, name, is_ephemeral=is_ephemeral))
        except _ClaimError as error:
            return reject(str(error))
        if not claims.bound and not claims.delayed:
            return SKIP
        cycle.data[self.name] = claims
        return None

    def _find_claim(self, pod: Pod, name: str, *, is_ephemeral: bool) -> PersistentVolumeClaim:
        claim = self._listers.get_claim(pod.metadata.namespace, name)
        if claim is None:
            if is_ephemeral:
                raise _ClaimError(
                    f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
                )
            raise _ClaimError(f'persistentvolumeclaim "{name}" not found')
        if claim.status.get("phase") == "Lost":
            volume = claim.spec.get("volumeName", "")
            raise _ClaimError(
                f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
            )
        if claim.metadata.deletion_timestamp:
            raise _ClaimError(f'persistentvolumeclaim "{name}" is being deleted')
        if is_ephemeral and not is_claim_of(pod, claim):
            raise _ClaimError(f"PVC {claim.key} was not created for pod {pod.key} (pod is not owner)")
        return claim

    def _add_claim(self, claims: _PodClaims, claim: PersistentVolumeClaim) -> None:
        if rules.is_fully_bound(claim):
            claims.bound.append(claim)
            return
        if name := rules.get_class(claim):
            cls = self._listers.get_class(name)
            is_delayed = cls is not None and cls.volume_binding_mode == "WaitForFirstConsumer"
            if is_delayed and not claim.spec.get("volumeName"):
                claims.delayed.append(claim)
                return
        raise _ClaimError(_UNBOUND)

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        claims = cycle.data.get(self.name)
        if not isinstance(claims, _PodClaims):
            return
        state = cycle.state
        yield from self._check_bound_claims(claims.bound, state)
        if claims.delayed:
            claims.matches = match_claims(
                claims.delayed,
                state,
                list_free=self._list_free,
                get_class=self._listers.get_class,
                get_selected_node=self._get_selected_node,
            )
            yield Rejection(_BIND_CONFLICT, claims.matches.refused)

    def _check_bound_claims(
        self, claims: Sequence[PersistentVolumeClaim], state: ClusterState
    ) -> Iterator[Rejection]:
        """Reject the nodes that cannot reach a volume. The first claim that does not fit is the reason."""
        conflict: Mask = np.zeros(state.capacity, dtype=np.bool_)
        for claim in claims:
            volume = self._listers.get_volume(claim.spec["volumeName"])
            if volume is None:
                yield Rejection(_NO_VOLUME, ~conflict)
                break
            reachable = match_node_affinity(volume, state)
            if reachable is not None:
                conflict |= ~reachable
        yield Rejection(_NODE_CONFLICT, conflict)

    def _list_free(self, claim: PersistentVolumeClaim) -> Sequence[PersistentVolume]:
        volumes = rules.list_candidates(claim, self._listers.list_volumes(rules.get_class(claim)))
        taken = self._assumed.claims
        uid = claim.metadata.uid
        return [volume for volume in volumes if taken.get(volume.metadata.name, uid) == uid]

    def _get_selected_node(self, claim: PersistentVolumeClaim) -> str:
        assumed = self._assumed.nodes.get(claim.metadata.uid)
        return assumed or claim.metadata.annotations.get(SELECTED_NODE, "")

    def reserve(self, cycle: CycleState, node: str) -> Status | None:
        claims = cycle.data.get(self.name)
        if not isinstance(claims, _PodClaims) or claims.matches is None:
            return None
        slot = cycle.state.slot_of[node]
        static, provisioned = [], []
        for match in claims.matches.matches:
            volume = match.get_volume(slot)
            if volume is None:
                provisioned.append(match.claim)
            else:
                static.append((match.claim, volume))
        claims.bindings = PodBindings(node, static, provisioned)
        self._assumed.add(claims.bindings)
        return None

    def unreserve(self, cycle: CycleState, node: str) -> None:
        """Forget the assumed bindings of the pod. There are none left if its claims are already bound."""
        claims = cycle.data.get(self.name)
        if isinstance(claims, _PodClaims) and claims.bindings is not None:
            self._assumed.remove(claims.bindings)
            claims.bindings = None

    def needs_pre_bind(self, cycle: CycleState, node: str) -> bool:
        claims = cycle.data.get(self.name)
        return isinstance(claims, _PodClaims) and claims.bindings is not None

    async def pre_bind(self, cycle: CycleState, node: str) -> None:
        claims = cycle.data.get(self.name)
        if self._binder is None or not isinstance(claims, _PodClaims) or claims.bindings is None:
            return
        try:
            await self._binder.bind(cycle.info.pod, claims.bindings, cycle.state, self._timeout)
        except BindingError as error:
            raise PluginError(f'running PreBind plugin "{self.name}": {error}') from error
        self.unreserve(cycle, node)
