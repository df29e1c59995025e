"""Which volumes the claims of a pod get on each node (FindPodVolumes of upstream's volume binder)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kprov.kube.api.core import NodeSelector, PersistentVolume, PersistentVolumeClaim
from kprov.kube.api.decoding import convert
from kprov.kube.api.storage import StorageClass
from kprov.kube.component_helpers import persistent_volumes as rules
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.node_selectors import match_selector

#: The provisioner of classes whose volumes an administrator makes.
NO_PROVISIONER = "kubernetes.io/no-provisioner"


@dataclass(slots=True)
class ClaimMatch:
    """The volume of a claim by slot: an index of `candidates`, or -1 where it must be provisioned."""

    claim: PersistentVolumeClaim
    candidates: Sequence[PersistentVolume]
    chosen: NDArray[np.int64]

    def get_volume(self, slot: int) -> PersistentVolume | None:
        index = int(self.chosen[slot])
        return self.candidates[index] if index >= 0 else None


@dataclass(slots=True)
class ClaimMatches:
    """`refused`: slots where a claim can have neither a volume that exists nor a new one."""

    refused: Mask
    matches: list[ClaimMatch] = field(default_factory=list)


def match_node_affinity(volume: PersistentVolume, state: ClusterState) -> Mask | None:
    """Return the slots from which the volume can be reached, None if it can be reached from all."""
    required = (volume.spec.get("nodeAffinity") or {}).get("required")
    return None if required is None else match_selector(convert(required, NodeSelector), state)


def match_claims(
    claims: Sequence[PersistentVolumeClaim],
    state: ClusterState,
    *,
    list_free: Callable[[PersistentVolumeClaim], Sequence[PersistentVolume]],
    get_class: Callable[[str], StorageClass | None],
    get_selected_node: Callable[[PersistentVolumeClaim], str],
) -> ClaimMatches:
    """Match volumes with claims that wait for their first consumer. Smaller claims choose first.

    `list_free`: returns the volumes that could hold a claim, the smallest first. `get_selected_node`:
    returns the node for which a claim is being provisioned, or "".
    """
    result = ClaimMatches(np.zeros(state.capacity, dtype=np.bool_))
    used: dict[str, Mask] = {}
    for claim in sorted(claims, key=rules.get_request):
        node = get_selected_node(claim)
        if node:
            match = ClaimMatch(claim, (), np.full(state.capacity, -1, dtype=np.int64))
            result.refused |= ~_select_slot(node, state)
        else:
            match = _choose_volumes(claim, list_free(claim), state, used)
        missing = match.chosen < 0
        if missing.any():
            result.refused |= missing & ~_match_class(get_class(rules.get_class(claim)), state)
        result.matches.append(match)
    return result


def _select_slot(node: str, state: ClusterState) -> Mask:
    mask: Mask = np.zeros(state.capacity, dtype=np.bool_)
    slot = state.slot_of.get(node)
    if slot is not None:
        mask[slot] = True
    return mask


def _choose_volumes(
    claim: PersistentVolumeClaim,
    candidates: Sequence[PersistentVolume],
    state: ClusterState,
    used: dict[str, Mask],
) -> ClaimMatch:
    """Choose for each node the first candidate that it reaches and that no other claim of the pod has."""
    chosen = np.full(state.capacity, -1, dtype=np.int64)
    missing: Mask = state.alive.copy()
    for index, volume in enumerate(candidates):
        if not missing.any():
            break
        reachable = match_node_affinity(volume, state)
        hit = missing if reachable is None else missing & reachable
        taken = used.get(volume.metadata.name)
        if taken is not None:
            hit = hit & ~taken
        chosen[hit] = index
        used[volume.metadata.name] = hit if taken is None else hit | taken
        missing = missing & ~hit
    return ClaimMatch(claim, candidates, chosen)


def _match_class(cls: StorageClass | None, state: ClusterState) -> Mask:
    """Return the slots for which the provisioner of the class can make a volume."""
    if cls is None or cls.provisioner in ("", NO_PROVISIONER):
        return np.zeros(state.capacity, dtype=np.bool_)
    if not cls.allowed_topologies:
        return np.ones(state.capacity, dtype=np.bool_)
    result: Mask = np.zeros(state.capacity, dtype=np.bool_)
    for term in cls.allowed_topologies:
        matching: Mask = np.full(state.capacity, bool(term.match_label_expressions), dtype=np.bool_)
        for requirement in term.match_label_expressions:
            matching &= state.get_label_column(requirement.key).match_values(requirement.values)
        result |= matching
    return result
