"""Resource slices and their devices, in the form in which the allocator reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.quantity import Quantity
from kprov.kube.scheduler.devices.selectors import SelectorError, build_variables, compile_selector


class PoolId(NamedTuple):
    driver: str
    pool: str

    def __str__(self) -> str:
        return f"{self.driver}/{self.pool}"


class DeviceId(NamedTuple):
    driver: str
    pool: str
    device: str

    def __str__(self) -> str:
        return "/".join(self)


class Topology(NamedTuple):
    """The nodes that can use a slice or a device. Empty: none."""

    node: str = ""
    all_nodes: bool = False
    selector: JsonMapping | None = None

    @classmethod
    def of(cls, holder: JsonMapping) -> Topology:
        """Return the topology in the spec of a slice, or in a device."""
        return cls(holder.get("nodeName") or "", bool(holder.get("allNodes")), holder.get("nodeSelector"))


class CounterUse(NamedTuple):
    """What a device consumes of a counter set of its pool."""

    counter_set: str
    counters: dict[str, Quantity]


@dataclass(eq=False)
class Device:
    """A device of a slice. `spec`: its object in the slice."""

    id: DeviceId
    spec: JsonObject
    slice: Slice
    #: Where it can be used; None: where its slice can be used.
    topology: Topology | None = None
    _matches: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def capacity(self) -> dict[str, Quantity]:
        return _parse_quantities(self.spec.get("capacity"))

    @cached_property
    def counter_uses(self) -> list[CounterUse]:
        return [
            CounterUse(use["counterSet"], _parse_quantities(use.get("counters")))
            for use in self.spec.get("consumesCounters") or ()
        ]

    @property
    def allows_multiple(self) -> bool:
        return bool(self.spec.get("allowMultipleAllocations"))

    @property
    def has_binding_conditions(self) -> bool:
        return bool(self.spec.get("bindingConditions"))

    def matches(self, expression: str) -> bool:
        """Whether a selector accepts it. A device never changes: the answer is kept. Raises SelectorError."""
        known = self._matches.get(expression)
        if known is None:
            selector = compile_selector(expression)
            if isinstance(selector, SelectorError):
                raise selector
            known = self._matches[expression] = selector.matches(self._variables)
        return known

    @cached_property
    def _variables(self) -> dict[str, Any]:
        return build_variables(self.spec, self.id.driver)

    def find_attribute(self, name: str) -> JsonMapping | None:
        """Return an attribute by its full name, DOMAIN/NAME. The slice may omit the driver's own domain."""
        attributes = self.spec.get("attributes") or {}
        attribute: JsonMapping | None = attributes.get(name)
        domain, _, key = name.partition("/")
        if attribute is None and domain == self.id.driver:
            attribute = attributes.get(key)
        return attribute


@dataclass(eq=False)
class Slice:
    """A ResourceSlice."""

    name: str
    pool: PoolId
    generation: int
    #: How many slices the pool has.
    count: int
    topology: Topology
    per_device: bool
    counter_sets: dict[str, dict[str, Quantity]]
    counter_set_names: list[str]
    devices: list[Device]

    @property
    def node(self) -> str:
        """Return the only node that can use the slice, "" for slices of several nodes."""
        return "" if self.counter_set_names else self.topology.node

    def list_topologies(self) -> Iterator[Topology]:
        """Return the topologies, one of which must match a node so that the slice concerns it."""
        if not self.per_device:
            yield self.topology
            return
        yield from (device.topology for device in self.devices if device.topology is not None)


def parse_slice(obj: JsonMapping) -> Slice:
    spec = obj["spec"]
    pool = PoolId(spec["driver"], spec["pool"]["name"])
    counters = spec.get("sharedCounters") or ()
    result = Slice(
        name=obj["metadata"]["name"],
        pool=pool,
        generation=int(spec["pool"].get("generation") or 0),
        count=int(spec["pool"].get("resourceSliceCount") or 0),
        topology=Topology.of(spec),
        per_device=bool(spec.get("perDeviceNodeSelection")),
        counter_sets={
            counter_set["name"]: _parse_quantities(counter_set.get("counters")) for counter_set in counters
        },
        counter_set_names=[counter_set["name"] for counter_set in counters],
        devices=[],
    )
    for device in spec.get("devices") or ():
        topology = Topology.of(device) if result.per_device else None
        result.devices.append(Device(DeviceId(*pool, device["name"]), device, result, topology))
    return result


class SliceStore:
    """All slices. Informers fill it; a slice is parsed once."""

    def __init__(self) -> None:
        self._slices: dict[str, Slice] = {}
        self._by_node: dict[str, dict[str, Slice]] = {}
        self._by_pool: dict[PoolId, dict[str, Slice]] = {}

    def set(self, obj: JsonMapping) -> None:
        """Store a new or changed slice."""
        self.remove(obj)
        parsed = parse_slice(obj)
        self._slices[parsed.name] = parsed
        self._by_node.setdefault(parsed.node, {})[parsed.name] = parsed
        self._by_pool.setdefault(parsed.pool, {})[parsed.name] = parsed

    def remove(self, obj: JsonMapping) -> None:
        parsed = self._slices.pop(obj["metadata"]["name"], None)
        if parsed is not None:
            del self._by_node[parsed.node][parsed.name]
            del self._by_pool[parsed.pool][parsed.name]

    def list_all(self) -> Iterable[Slice]:
        return self._slices.values()

    def list_shared(self) -> Sequence[Slice]:
        """Return the slices of more than one node, and those with counters."""
        return list(self._by_node.get("", {}).values())

    def list_of_node(self, node: str) -> Iterable[Slice]:
        """Return the slices of this node only."""
        return self._by_node.get(node, {}).values()

    def list_of_pool(self, pool: PoolId) -> Iterable[Slice]:
        """Return the slices of all generations of a pool."""
        return self._by_pool.get(pool, {}).values()


def _parse_quantities(values: JsonMapping | None) -> dict[str, Quantity]:
    return {name: Quantity.parse(value["value"]) for name, value in (values or {}).items()}
