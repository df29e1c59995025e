"""Finds devices for the claims of a pod on one node: an exhaustive search, the first solution counts.

Source: the allocator of k8s.io/dynamic-resource-allocation/structured with upstream's default features.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.quantity import ZERO, Quantity
from kprov.kube.scheduler.devices.allocated import AllocatedState
from kprov.kube.scheduler.devices.constraints import Constraint, build_constraints
from kprov.kube.scheduler.devices.consumable_capacity import compute_consumption, has_capacity
from kprov.kube.scheduler.devices.counters import AvailableCounters, UsedCounters
from kprov.kube.scheduler.devices.pools import Matcher, Pool
from kprov.kube.scheduler.devices.requests import (
    MAX_DEVICES,
    AllocationError,
    NodeError,
    Request,
    build_request,
    list_alternatives,
)
from kprov.kube.scheduler.devices.slices import Device, DeviceId


@dataclass(frozen=True, slots=True, eq=False)
class ChosenDevice:
    """A device that a request gets. `share_id`: "" unless it can be shared."""

    request: Request
    device: Device
    share_id: str = ""
    consumed: Mapping[str, Quantity] = field(default_factory=dict)


class SearchTimeoutError(Exception):
    """The exhaustive search for devices takes too long."""


class _TooManyDevicesError(Exception):
    """The claim would get more devices than a result can have."""


@dataclass(eq=False)
class ClaimRequests:
    """A claim that needs devices. `requests`: the alternatives of each request."""

    key: str
    spec: JsonMapping
    requests: Sequence[Sequence[Request]]
    constraints: Sequence[Constraint]
    chosen: list[ChosenDevice] = field(default_factory=list)


class NodeAllocator:
    """The search for one node. `counters`: of all nodes."""

    def __init__(
        self,
        claims: Sequence[JsonObject],
        pools: Sequence[Pool],
        *,
        matches: Matcher,
        get_class: Callable[[str], JsonObject | None],
        allocated: AllocatedState,
        counters: AvailableCounters,
        deadline: float = math.inf,
    ) -> None:
        """Prepare the search on a node. `deadline`: of time.monotonic(). Raise AllocationError."""
        self._deadline = deadline
        #: Whether a request accepts a device, apart from what is taken during the search.
        self._accepted: dict[tuple[int, DeviceId], bool] = {}
        self._pools = pools
        self._matches = matches
        self._allocated = allocated
        self._candidates = [(pool, device) for pool in pools if pool.is_usable for device in pool.devices]
        self._pool_of = {device.id: pool for pool, device in self._candidates}
        self._counters = UsedCounters(counters)
        #: The claims of the pod that get a device. A shared device is in `_capacity` instead.
        self._holders: dict[DeviceId, set[int]] = defaultdict(set)
        self._capacity: dict[DeviceId, dict[str, Quantity]] = {}
        self.claims = [self._build_claim(claim, get_class) for claim in claims]

    def allocate(self) -> Sequence[ClaimRequests] | None:
        """Return the claims with their devices, None if there is no solution.

        Raise AllocationError, NodeError.
        """
        try:
            is_complete = self._allocate_request(0, 0)
        except _TooManyDevicesError:
            is_complete = False
        if is_complete:
            return self.claims
        if any(pool.is_invalid for pool in self._pools):
            raise NodeError("invalid resource pools were encountered")
        return None

    def _build_claim(self, claim: JsonObject, get_class: Callable[[str], JsonObject | None]) -> ClaimRequests:
        meta = claim["metadata"]
        key = f"{meta['namespace']}/{meta['name']}"
        result = []
        least = 0
        for request_spec in claim["spec"].get("devices", {}).get("requests") or ():
            alternatives = [
                build_request(name, parent, spec, claim_key=key, get_class=get_class)
                for name, parent, spec in list_alternatives(request_spec)
            ]
            for request in alternatives:
                if not request.count:
                    self._collect_all(request, key)
            least += min(request.count for request in alternatives)
            result.append(alternatives)
        if least > MAX_DEVICES:
            raise AllocationError(
                f"claim {key}: number of requested devices {least} exceeds the claim limit of {MAX_DEVICES}"
            )
        return ClaimRequests(key, claim["spec"], result, build_constraints(claim))

    def _collect_all(self, request: Request, claim_key: str) -> None:
        """Collect the devices for the mode All, for which all pools must be complete."""
        for pool in self._pools:
            if not pool.is_usable:
                state = "being updated" if pool.is_incomplete else "invalid"
                raise AllocationError(
                    f"claim {claim_key}, request {request.name}: asks for all devices, but resource pool "
                    f"{pool.id} is currently {state}"
                )
        request.all_devices = [
            device
            for _, device in self._candidates
            if self._accepts(request, device, claim_key) and self._has_capacity(request, device)
        ]
        request.count = len(request.all_devices)

    def _allocate_request(self, claim_index: int, index: int) -> bool:
        """Find devices for this request and all after it."""
        if claim_index == len(self.claims):
            return True
        claim = self.claims[claim_index]
        if index == len(claim.requests):
            try:
                return self._allocate_request(claim_index + 1, 0)
            except _TooManyDevicesError:
                # Another alternative of an earlier claim may leave other devices.
                return False
        alternatives = claim.requests[index]
        if not alternatives[0].parent:
            return self._allocate_devices(claim_index, index, alternatives[0], 0, 0)
        is_too_many = True
        for request in alternatives:
            try:
                if self._allocate_devices(claim_index, index, request, 0, 0):
                    return True
            except _TooManyDevicesError:
                continue
            is_too_many = False
        if is_too_many:
            raise _TooManyDevicesError
        return False

    def _allocate_devices(
        self, claim_index: int, index: int, request: Request, number: int, start: int
    ) -> bool:
        """Find a device for each number from this one on. start: earlier devices were tried for it."""
        if time.monotonic() > self._deadline:
            raise SearchTimeoutError
        everything = request.all_devices
        if everything is not None and not everything:
            return False
        if number == request.count:
            return self._allocate_request(claim_index, index + 1)
        if len(self.claims[claim_index].chosen) + request.count - number > MAX_DEVICES:
            raise _TooManyDevicesError
        if everything is not None:
            device = everything[number]
            return self._try_device(
                claim_index, index, request, number, (self._pool_of[device.id], device, 0)
            )
        for position in range(start, len(self._candidates)):
            pool, device = self._candidates[position]
            if self._is_usable(claim_index, request, device) and self._try_device(
                claim_index, index, request, number, (pool, device, position + 1)
            ):
                return True
        return False

    def _try_device(
        self,
        claim_index: int,
        index: int,
        request: Request,
        number: int,
        candidate: tuple[Pool, Device, int],
    ) -> bool:
        """Take a device and go on. If that fails, everything is as before."""
        pool, device, next_start = candidate
        undo = self._take(claim_index, request, pool, device)
        if undo is None:
            return False
        try:
            if self._allocate_devices(claim_index, index, request, number + 1, next_start):
                return True
        except _TooManyDevicesError:
            undo()
            raise
        undo()
        return False

    def _is_usable(self, claim_index: int, request: Request, device: Device) -> bool:
        return (
            self._is_free(claim_index, request, device)
            and self._accepts(request, device, self.claims[claim_index].key)
            and (not device.allows_multiple or self._has_capacity(request, device))
        )

    def _is_free(self, claim_index: int, request: Request, device: Device) -> bool:
        """Whether a device can be taken. With admin access, it must be new to the claim only."""
        holders = self._holders[device.id]
        if request.admin_access:
            return claim_index not in holders
        return not holders and device.id not in self._allocated.devices

    def _accepts(self, request: Request, device: Device, claim_key: str) -> bool:
        key = (id(request), device.id)
        known = self._accepted.get(key)
        if known is None:
            known = self._accepted[key] = (
                request.selects(device, claim_key)
                and (device.topology is None or self._matches(device.topology))
                and (device.allows_multiple or self._has_capacity(request, device))
            )
        return known

    def _has_capacity(self, request: Request, device: Device) -> bool:
        allocated = self._allocated.capacity.get(device.id, {})
        return has_capacity(request.capacity, device, allocated, self._capacity.get(device.id, {}))

    def _take(
        self, claim_index: int, request: Request, pool: Pool, device: Device
    ) -> Callable[[], None] | None:
        """Give a device to the request. Returns what takes it back; None: it cannot be taken."""
        claim = self.claims[claim_index]
        if not self._is_free(claim_index, request, device) or not request.tolerates(device):
            return None
        # Requests before this one may have taken of it, also for the mode All.
        if device.allows_multiple and not self._has_capacity(request, device):
            return None
        uses_counters = bool(device.counter_uses) and not self._is_shared_already(device)
        if uses_counters and not self._counters.add(pool, device):
            return None
        if not self._add_to_constraints(claim, request, device):
            if uses_counters:
                self._counters.remove(pool, device)
            return None
        chosen = self._choose(claim_index, request, device)
        claim.chosen.append(chosen)

        def undo() -> None:
            claim.chosen.pop()
            for constraint in claim.constraints:
                constraint.remove(request.name, request.parent)
            if chosen.share_id:
                self._change_capacity(device, chosen.consumed, -1)
            else:
                self._holders[device.id].discard(claim_index)
            if uses_counters:
                self._counters.remove(pool, device)

        return undo

    def _is_shared_already(self, device: Device) -> bool:
        """Whether the counters of a device that can be shared are used by others who share it."""
        is_in_use = device.id in self._allocated.capacity or device.id in self._capacity
        return device.allows_multiple and is_in_use

    def _choose(self, claim_index: int, request: Request, device: Device) -> ChosenDevice:
        if not device.allows_multiple:
            self._holders[device.id].add(claim_index)
            return ChosenDevice(request, device)
        consumed = compute_consumption(request.capacity, device)
        self._change_capacity(device, consumed, 1)
        return ChosenDevice(request, device, str(uuid.uuid4()), consumed)

    def _add_to_constraints(self, claim: ClaimRequests, request: Request, device: Device) -> bool:
        """Add the device to all constraints. Return False, and add it to none, if one is not met.

        Raise AllocationError in the mode All, where no other device can be chosen.
        """
        for number, constraint in enumerate(claim.constraints):
            if constraint.add(request.name, request.parent, device):
                continue
            if request.all_devices is not None:
                raise AllocationError(
                    f"claim {claim.key}, request {request.name}: cannot add device {device.id} because "
                    "a claim constraint would not be satisfied"
                )
            for earlier in claim.constraints[:number]:
                earlier.remove(request.name, request.parent)
            return False
        return True

    def _change_capacity(self, device: Device, consumed: Mapping[str, Quantity], sign: int) -> None:
        used = self._capacity.setdefault(device.id, {})
        for name, value in consumed.items():
            used[name] = used.get(name, ZERO) + (value if sign > 0 else -value)
        if not any(value.nanos for value in used.values()):
            del self._capacity[device.id]
