"""DynamicResources: a pod with resource claims goes to a node where they get, or have, their devices."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers.pod_resource_claims import (
    find_claim_name,
    get_generated_names,
    is_allocated,
    is_claim_of_pod,
    is_reserved_for,
    list_reservations,
)
from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.scheduler.devices.allocator import ClaimRequests
from kprov.kube.scheduler.devices.binder import ClaimBinder, ClaimBindingError
from kprov.kube.scheduler.devices.binding_conditions import (
    BIND_SECONDS,
    BindingFailedError,
    has_binding_conditions,
    is_overdue,
    is_ready,
    is_unusable,
)
from kprov.kube.scheduler.devices.extended_requests import (
    ANNOTATION,
    SpecialClaim,
    build_special_claim,
    is_special,
)
from kprov.kube.scheduler.devices.extended_resources import is_device_resource
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.devices.node_search import SelectorMasks, search_nodes
from kprov.kube.scheduler.devices.requests import AllocationError, list_alternatives
from kprov.kube.scheduler.devices.results import build_allocation
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import (
    CycleState,
    FilterResult,
    Plugin,
    PluginError,
    PostFilterResult,
    Rejection,
)
from kprov.kube.scheduler.framework.scores import Scores, normalize_scores
from kprov.kube.scheduler.framework.status import SKIP, Status, reject
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.pod_info import PodInfo

_UNAVAILABLE = "resourceclaim not available on the node"
_STALE = "cannot schedule extended resource claim"
_NO_RESOURCE = "cannot fit resource"
#: FirstAvailableDeviceRequestMaxSize: the score of the first alternative.
_MAX_ALTERNATIVES = 8
_POLL_SECONDS = 1.0
#: For one pod and all nodes. All other pods wait meanwhile, and the lease of the leader is not renewed.
MAX_SEARCH_SECONDS = 5.0


class _ClaimError(Exception):
    """Why a pod with this claim fits on no node."""


@dataclass(slots=True)
class _PodClaims:
    """A pod's claims. `missing`: those without devices."""

    claims: Sequence[JsonObject] = ()
    missing: Sequence[JsonObject] = ()
    #: The class of each extended resource that nodes without it give the pod as devices.
    classes: Mapping[str, str] = field(default_factory=dict)
    #: The claim for such devices of an earlier attempt that failed.
    stale: JsonObject | None = None
    #: What the pod needs of such devices, by slot. Nothing where the nodes have the resources themselves.
    special: dict[int, SpecialClaim] = field(default_factory=dict)
    #: That of the pod's node, and the claim after it is created.
    chosen: SpecialClaim | None = None
    created: JsonObject | None = None
    #: The rejections of the first filter. Nominated pods change nothing about devices.
    rejections: list[Rejection] | None = None
    #: Claims whose devices cannot be used on some node.
    unavailable: list[JsonObject] = field(default_factory=list)
    allocations: dict[int, Sequence[ClaimRequests]] = field(default_factory=dict)
    #: What the claims without devices get on the node of the pod, by UID.
    reserved: dict[str, JsonObject] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.claims and not self.classes

    def list_missing(self, slot: int) -> list[JsonObject]:
        """Return the claims that get devices on a node, in the order of its allocation."""
        special = self.special.get(slot)
        return [*self.missing, special.claim] if special is not None else list(self.missing)


_NO_CLAIMS = _PodClaims()


class DynamicResources(Plugin):
    name = "DynamicResources"

    def __init__(
        self,
        listers: DeviceListers,
        binder: ClaimBinder | None = None,
        timeout: float = BIND_SECONDS,
        search_seconds: float = MAX_SEARCH_SECONDS,
    ) -> None:
        """Create the plugin. Without a binder it writes nothing.

        `timeout`: for the binding conditions of devices. Both times are in seconds.
        """
        self._search_seconds = min(search_seconds or MAX_SEARCH_SECONDS, MAX_SEARCH_SECONDS)
        self._listers = listers
        self._binder = binder
        self._timeout = timeout
        self._rng = random.Random()  # noqa: S311  choosing a claim, not secrets

    def list_events(self) -> Sequence[EventRegistration]:
        change = Action.ADD | Action.UPDATE
        nodes = (
            Action.ADD | Action.UPDATE_NODE_LABEL | Action.UPDATE_NODE_TAINT | Action.UPDATE_NODE_ALLOCATABLE
        )
        return (
            EventRegistration(Resource.NODE, nodes),
            EventRegistration(Resource.RESOURCE_CLAIM, change | Action.DELETE, self._helps_claim),
            EventRegistration(Resource.RESOURCE_SLICE, change),
            EventRegistration(Resource.DEVICE_CLASS, change),
            EventRegistration(Resource.POD, Action.UPDATE_POD_GENERATED_RESOURCE_CLAIM, _is_pod_itself),
        )

    def _helps_claim(self, info: PodInfo, old: JsonObject | None, new: JsonObject | None) -> bool:
        """Whether devices are free now, or a claim of the pod is new or has another status."""
        is_released = old is not None and is_allocated(old) and (new is None or not is_allocated(new))
        if new is None:
            return is_released or (old is not None and is_special(old, info.pod))
        try:
            uids = {claim["metadata"]["uid"] for claim in self._list_claims(info.pod)}
        except _ClaimError:
            return False
        if is_released:
            return True
        return new["metadata"]["uid"] in uids and (old is None or old.get("status") != new.get("status"))

    def pre_enqueue(self, pod: Pod) -> Status | None:
        try:
            for _ in self._list_claims(pod):
                pass
        except _ClaimError as error:
            return reject(str(error))
        return None

    def pre_filter(self, cycle: CycleState) -> Status | None:
        pod = cycle.info.pod
        cycle.data[self.name] = _NO_CLAIMS
        classes = self._find_classes(cycle.info)
        if not pod.spec.resource_claims and not classes:
            return SKIP
        try:
            claims = list(self._list_claims(pod))
            missing = [claim for claim in claims if not is_allocated(claim)]
            for claim in missing:
                self._check_claim(claim)
        except _ClaimError as error:
            return reject(str(error))
        owned = self._listers.list_owned(pod.metadata.uid) if classes else ()
        stale = next((claim for claim in owned if is_special(claim, pod)), None)
        data = _PodClaims(claims, missing, classes, stale)
        if data.is_empty:
            return SKIP
        cycle.data[self.name] = data
        return None

    def _find_classes(self, info: PodInfo) -> dict[str, str]:
        """Return the device class of each extended resource of the pod that has one."""
        classes_by_resource = {}
        for name in info.extended:
            device_class = self._listers.extended.find(name) if is_device_resource(name) else None
            if device_class is not None:
                classes_by_resource[name] = device_class["metadata"]["name"]
        return classes_by_resource

    def _list_claims(self, pod: Pod) -> Iterator[JsonObject]:
        generated = get_generated_names(pod)
        for entry in pod.spec.resource_claims:
            is_generated = entry.resource_claim_name is None
            name = find_claim_name(entry, generated)
            if name is None:
                if entry.name in generated:
                    # The pod needs no claim for it.
                    continue
                raise _ClaimError(f'pod "{pod.key}": ResourceClaim not created yet')
            claim = self._listers.claims.get(pod.metadata.namespace, name)
            if claim is None:
                raise _ClaimError(f'resourceclaim.resource.k8s.io "{name}" not found')
            if claim["metadata"].get("deletionTimestamp"):
                raise _ClaimError(f'resourceclaim "{name}" is being deleted')
            if is_generated and not is_claim_of_pod(claim, pod):
                text = f"ResourceClaim {_get_key(claim)} was not created for Pod {pod.key}"
                raise _ClaimError(f"{text} (Pod is not owner)")
            yield claim

    def _check_claim(self, claim: JsonObject) -> None:
        """Raise _ClaimError if the claim cannot get devices now."""
        if self._listers.claims.is_pending(claim["metadata"]["uid"]):
            raise _ClaimError(f"resource claim {_get_key(claim)} is in the process of being allocated")
        for request in claim["spec"].get("devices", {}).get("requests") or ():
            alternatives = list(list_alternatives(request))
            if not alternatives:
                text = f"resource claim {_get_key(claim)}, request {request['name']}"
                raise _ClaimError(f"{text}: unknown request type")
            for name, parent, spec in alternatives:
                class_name = spec.get("deviceClassName") or ""
                if self._listers.get_class(class_name) is None:
                    full_name = f"{parent}/{name}" if parent else name
                    raise _ClaimError(f"request {full_name}: device class {class_name} does not exist")

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        data = _get_data(cycle)
        if data.is_empty:
            return
        if data.rejections is None:
            data.rejections = list(self._list_rejections(cycle, data))
        yield from data.rejections

    def _list_rejections(self, cycle: CycleState, data: _PodClaims) -> Iterator[Rejection]:
        if data.stale is not None:
            # Its devices may be taken. PostFilter deletes it.
            yield Rejection(_STALE, cycle.state.alive)
            return
        masks = SelectorMasks(cycle.state)
        yield from self._search(cycle, data, masks)
        unavailable: Mask = np.zeros(cycle.state.capacity, dtype=np.bool_)
        for claim in data.claims:
            slots = self._find_unavailable(claim, masks, cycle.state.alive)
            if slots.any():
                data.unavailable.append(claim)
                unavailable |= slots
        yield Rejection(_UNAVAILABLE, unavailable)

    def _search(self, cycle: CycleState, data: _PodClaims, masks: SelectorMasks) -> Iterator[Rejection]:
        """Find devices for all nodes. Nodes differ in the extended resources that they have themselves."""
        state = cycle.state
        deadline = time.monotonic() + self._search_seconds
        usable = state.alive.copy()
        if data.classes:
            lacking = _find_lacking(cycle, data)
            yield Rejection(_NO_RESOURCE, lacking)
            usable &= ~lacking
        for slots, classes in _divide_nodes(state, usable, data.classes):
            special = build_special_claim(cycle.info.pod, classes) if classes else None
            claims = [*data.missing, special.claim] if special is not None else data.missing
            if not claims:
                continue
            try:
                searched = search_nodes(claims, state, self._listers, masks, deadline, slots)
            except AllocationError as error:
                raise PluginError(f'running "{self.name}" filter plugin: {error}') from error
            data.allocations |= searched.allocations
            if special is not None:
                data.special |= dict.fromkeys(searched.allocations, special)
            for reason, rejected in searched.rejected.items():
                yield Rejection(reason, rejected)

    def _find_unavailable(self, claim: JsonObject, masks: SelectorMasks, alive: Mask) -> Mask:
        """Return the slots of nodes that cannot use the allocated devices of a claim."""
        nothing: Mask = np.zeros_like(alive)
        if not is_allocated(claim):
            return nothing
        if is_unusable(claim, self._timeout):
            return alive
        selector = claim["status"]["allocation"].get("nodeSelector")
        return nothing if selector is None else alive & ~masks.match(selector)

    async def post_filter(self, cycle: CycleState, filtered: FilterResult) -> PostFilterResult:
        if self.name not in cycle.data:
            # An earlier PreFilter refused the pod. The text is upstream's, and nothing is preempted.
            return PostFilterResult(message="not found", is_final=True)
        data = _get_data(cycle)
        if data.is_empty:
            return PostFilterResult(message="no new claims to deallocate")
        uid = cycle.info.pod.metadata.uid
        binder, stale = self._binder, data.stale
        if stale is not None and binder is not None:
            return PostFilterResult(
                message="deletion of ResourceClaim completed", work=lambda: binder.delete(stale)
            )
        idle = [
            claim
            for claim in data.unavailable
            if all(entry.get("uid") == uid for entry in list_reservations(claim))
        ]
        if not idle or binder is None:
            return PostFilterResult(message="still not schedulable")
        claim = self._rng.choice(idle)
        return PostFilterResult(
            message="deallocation of ResourceClaim completed", work=lambda: binder.deallocate(claim)
        )

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        """Prefer nodes on which requests get their earlier alternatives."""
        data = _get_data(cycle)
        if not any(_list_alternatives(claim) for claim in data.claims):
            return None
        fixed = sum(_score_claim(claim, _list_results(claim)) for claim in data.claims)
        scores = np.full(cycle.state.capacity, float(fixed))
        for slot, allocation in data.allocations.items():
            # The claim for extended resources comes last, and has no alternatives.
            for claim, chosen in zip(data.missing, allocation, strict=False):
                names = {device.request.full_name for device in chosen.chosen}
                scores[slot] += _score_claim(claim, names)
        return normalize_scores(scores, feasible)

    def reserve(self, cycle: CycleState, node: str) -> Status | None:
        data = _get_data(cycle)
        slot = cycle.state.slot_of[node]
        missing = data.list_missing(slot)
        if not missing:
            return None
        data.chosen = data.special.get(slot)
        for claim, chosen in zip(missing, data.allocations[slot], strict=True):
            uid = claim["metadata"]["uid"]
            data.reserved[uid] = build_allocation(chosen, node)
            self._listers.claims.reserve(uid, data.reserved[uid])
        return None

    def unreserve(self, cycle: CycleState, node: str) -> None:
        data = _get_data(cycle)
        for uid in data.reserved:
            self._listers.claims.release(uid)
        data.reserved.clear()

    def needs_pre_bind(self, cycle: CycleState, node: str) -> bool:
        data = _get_data(cycle)
        return bool(data.claims or data.chosen)

    async def pre_bind(self, cycle: CycleState, node: str) -> None:
        if self._binder is None:
            return
        data, pod = _get_data(cycle), cycle.info.pod
        try:
            for claim in data.claims:
                if not is_reserved_for(claim, pod):
                    bound = await self._binder.bind(claim, data.reserved.get(claim["metadata"]["uid"]), pod)
                    self._listers.claims.mark_written(bound)
            if data.chosen is not None:
                await self._bind_special(data, data.chosen, pod, self._binder)
            async with asyncio.timeout(self._timeout):
                created = [data.created] if data.created is not None else []
                await self._wait_for_conditions([*data.claims, *created])
        except (ClaimBindingError, BindingFailedError, TimeoutError) as error:
            problem = "device binding timeout" if isinstance(error, TimeoutError) else str(error)
            raise PluginError(f'running PreBind plugin "{self.name}": {problem}') from error

    async def _bind_special(
        self, data: _PodClaims, special: SpecialClaim, pod: Pod, binder: ClaimBinder
    ) -> None:
        claims = self._listers.claims
        created = data.created = await binder.create(special.claim)
        bound = data.created = await binder.bind(created, data.reserved[special.uid], pod)
        # The devices belong to the real claim now.
        claims.release(special.uid)
        claims.mark_written(bound)
        await binder.write_mappings(pod, bound["metadata"]["name"], special.mappings)

    async def undo_pre_bind(self, cycle: CycleState, node: str) -> None:
        """Remove the pod's reservations. The claims keep their devices until something else needs them.

        The claim for extended resources is deleted.
        """
        pod = cycle.info.pod
        if self._binder is None:
            return
        data = _get_data(cycle)
        if data.created is not None and await self._binder.delete(data.created):
            self._listers.claims.handle_deletion(data.created)
        for claim in data.claims:
            meta = claim["metadata"]
            newest = self._listers.claims.get(meta["namespace"], meta["name"])
            if newest is None or newest["metadata"]["uid"] != meta["uid"] or not is_reserved_for(newest, pod):
                continue
            changed = await self._binder.remove_reservation(newest, pod)
            if changed is not None:
                self._listers.claims.mark_written(changed)

    async def _wait_for_conditions(self, claims: Sequence[JsonObject]) -> None:
        """Return when all devices are ready. Raises BindingFailedError, TimeoutError."""
        while True:
            newest = [self._get_newest(claim) for claim in claims]
            if not any(has_binding_conditions(claim) for claim in newest):
                return
            # All, because the failure of a later one counts, too.
            waiting = [claim for claim in newest if not is_ready(claim)]
            if not waiting:
                return
            if any(is_overdue(claim, self._timeout) for claim in waiting):
                raise TimeoutError
            await asyncio.sleep(_POLL_SECONDS)

    def _get_newest(self, claim: JsonObject) -> JsonObject:
        meta = claim["metadata"]
        newest = self._listers.claims.get(meta["namespace"], meta["name"])
        if newest is None:
            if (claim["metadata"].get("annotations") or {}).get(ANNOTATION) == "true":
                # It was created just now, and the informer does not show it yet.
                return claim
            raise ClaimBindingError(f'resourceclaim.resource.k8s.io "{meta["name"]}" not found')
        return newest


def _is_pod_itself(info: PodInfo, _: Pod, new: Pod) -> bool:
    return new.metadata.uid == info.pod.metadata.uid


def _get_data(cycle: CycleState) -> _PodClaims:
    data = cycle.data.get(DynamicResources.name)
    return data if isinstance(data, _PodClaims) else _NO_CLAIMS


def _find_lacking(cycle: CycleState, data: _PodClaims) -> Mask:
    """Return the slots whose nodes do not list an extended resource of the pod that has no device class.

    Only a device resource without a class counts here. NodeResourcesFit rejects such nodes first, unless it
    ignores the resource.
    """
    names = [name for name in cycle.info.extended if is_device_resource(name) and name not in data.classes]
    lacking = [any(name not in known for name in names) for known in cycle.state.extended]
    return np.array(lacking, dtype=np.bool_)


def _divide_nodes(
    state: ClusterState, among: Mask, classes: Mapping[str, str]
) -> Iterator[tuple[Mask, dict[str, str]]]:
    """Group nodes by the extended resources that they have. Yield groups with the classes of the others."""
    keys = np.zeros(state.capacity, dtype=np.int64)
    for number, name in enumerate(classes):
        keys |= (state.get_extended_resource(name).allocatable <= 0).astype(np.int64) << number
    for key in np.unique(keys[among]):
        missing = {
            name: device_class
            for number, (name, device_class) in enumerate(classes.items())
            if int(key) >> number & 1
        }
        yield among & (keys == key), missing


def _get_key(claim: JsonMapping) -> str:
    return f"{claim['metadata']['namespace']}/{claim['metadata']['name']}"


def _list_alternatives(claim: JsonMapping) -> list[list[str]]:
    """Return the full names of the alternatives of each request that has alternatives."""
    requests = claim["spec"].get("devices", {}).get("requests") or ()
    return [
        [f"{request['name']}/{alternative['name']}" for alternative in request["firstAvailable"]]
        for request in requests
        if request.get("firstAvailable")
    ]


def _list_results(claim: JsonMapping) -> set[str]:
    """Return the requests to which the allocated devices of a claim belong."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    return {result["request"] for result in (allocation.get("devices") or {}).get("results") or ()}


def _score_claim(claim: JsonMapping, chosen: set[str]) -> int:
    return sum(
        _MAX_ALTERNATIVES - number
        for names in _list_alternatives(claim)
        for number, name in enumerate(names)
        if name in chosen
    )
