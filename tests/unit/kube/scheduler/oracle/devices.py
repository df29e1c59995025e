"""DynamicResources for one node: which choices of devices are allowed, and whether there is one.

It tries all choices. Selectors are functions here, whose names in the documents are CEL expressions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Final, NamedTuple

from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.scheduler.oracle.cluster import get_name, match_terms, tolerates

_DOMAIN: Final = "x.org/"
_MOST_ALTERNATIVES: Final = 8
DRIVERS: Final = ("gpu.org", "nic.org")


def get_attribute(device: JsonObject, name: str) -> object:
    """An attribute of the domain, with its type. None: the device has no such attribute."""
    found = device["attributes"].get(_DOMAIN + name)
    return None if found is None else next(iter(found.items()))


#: By expression: whether it accepts a device of a driver.
SELECTORS: Final[Mapping[str, Callable[[str, JsonObject], bool]]] = {
    'device.driver == "gpu.org"': lambda driver, _: driver == "gpu.org",
    'device.attributes["x.org"].group == 1': lambda _, device: get_attribute(device, "group") == ("int", 1),
    'device.attributes["x.org"].group < 2': lambda _, device: (
        get_attribute(device, "group") in (("int", 0), ("int", 1))
    ),
    'device.attributes["x.org"].model != "a"': lambda _, device: (
        get_attribute(device, "model") != ("string", "a")
    ),
}


class Place(NamedTuple):
    """A device of a slice. `where`: what says which nodes can use it."""

    driver: str
    pool: str
    name: str
    device: JsonObject
    where: JsonObject

    @property
    def key(self) -> tuple[str, str, str]:
        return self.driver, self.pool, self.name


class Choice(NamedTuple):
    """The devices for a request, or for the alternative of it that was chosen."""

    claim: str
    request: JsonObject
    places: Sequence[Place]


@dataclass
class DeviceCluster:
    """`claims`: all of the namespace by name, with their allocations. `wanted`: those of the pod."""

    nodes: list[JsonObject] = field(default_factory=list)
    classes: dict[str, JsonObject] = field(default_factory=dict)
    slices: list[JsonObject] = field(default_factory=list)
    claims: dict[str, JsonObject] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)
    #: The extended resource that the pod requests, and how much.
    extended: str = ""
    amount: int = 0

    def find_class(self, resource: str) -> str | None:
        names = [
            name
            for name, each in self.classes.items()
            if each["spec"].get("extendedResourceName") == resource
        ]
        return names[0] if names else None

    def list_missing(self, node: JsonObject) -> list[JsonObject]:
        """The claims that need devices on a node, with the one for the extended resource."""
        found = [self.claims[name] for name in self.wanted if not get_results(self.claims[name])]
        has_it = int(node["status"]["allocatable"].get(self.extended, "0"))
        if self.extended and not has_it:
            exactly = {"deviceClassName": self.find_class(self.extended), "count": self.amount}
            request = {"name": "container-0-request-0", "exactly": exactly}
            spec = {"devices": {"requests": [request]}}
            found.append({"metadata": {"name": "special"}, "spec": spec})
        return found


def get_results(claim: JsonObject) -> list[JsonObject]:
    results: list[JsonObject] = (
        claim.get("status", {}).get("allocation", {}).get("devices", {}).get("results", [])
    )
    return results


def check_devices(cluster: DeviceCluster, node: JsonObject) -> str | None:
    """Why the pod does not fit there."""
    has_it = int(node["status"]["allocatable"].get(cluster.extended, "0"))
    if cluster.extended and has_it and has_it < cluster.amount:
        return f"Insufficient {cluster.extended}"
    if find_choices(cluster, node) is None:
        return "cannot allocate all claims"
    for name in cluster.wanted:
        allocation = cluster.claims[name].get("status", {}).get("allocation", {})
        if "nodeSelector" in allocation and not match_terms(allocation["nodeSelector"], node):
            return "resourceclaim not available on the node"
    return None


def score_devices(cluster: DeviceCluster, nodes: Sequence[JsonObject]) -> list[int]:
    """The better the earlier the alternatives are that the pod gets."""
    scores = [_score_node(cluster, node) for node in nodes]
    largest = max(scores, default=0)
    return [score * 100 // largest if largest else 0 for score in scores]


def _score_node(cluster: DeviceCluster, node: JsonObject) -> int:
    chosen = {
        (name, result["request"]) for name in cluster.wanted for result in get_results(cluster.claims[name])
    }
    chosen |= {(each.claim, each.request["name"]) for each in find_choices(cluster, node) or ()}
    return sum(
        _MOST_ALTERNATIVES - number
        for name in cluster.wanted
        for request in cluster.claims[name]["spec"]["devices"]["requests"]
        for number, each in enumerate(request.get("firstAvailable", []))
        if (name, f"{request['name']}/{each['name']}") in chosen
    )


def find_choices(cluster: DeviceCluster, node: JsonObject) -> list[Choice] | None:
    """A choice for each request of each claim: the first one that is allowed.

    Later requests vary first, then the devices of a request, then its alternatives.
    """
    places = list_places(cluster, node)
    options = [
        [
            Choice(get_name(claim), each, chosen)
            for each in list_alternatives(request)
            for chosen in _list_options(cluster, each, places)
        ]
        for claim in cluster.list_missing(node)
        for request in claim["spec"]["devices"]["requests"]
    ]
    return next((list(choices) for choices in product(*options) if is_allowed(cluster, choices)), None)


def list_alternatives(request: JsonObject) -> list[JsonObject]:
    """With names as in results."""
    if "exactly" in request:
        return [request["exactly"] | {"name": request["name"]}]
    return [each | {"name": f"{request['name']}/{each['name']}"} for each in request["firstAvailable"]]


def _list_options(
    cluster: DeviceCluster, request: JsonObject, places: Sequence[Place]
) -> Iterator[Sequence[Place]]:
    if request.get("allocationMode") != "All":
        matching = [place for place in places if is_selected(cluster, request, place)]
        yield from combinations(matching, request.get("count", 1))
    elif everything := list_all(cluster, request, places):
        yield everything


def list_all(cluster: DeviceCluster, request: JsonObject, places: Sequence[Place]) -> list[Place]:
    """The devices for the mode All. Shared ones with too little left for the request are not among them."""
    return [
        place
        for place in places
        if is_selected(cluster, request, place)
        and (
            not place.device.get("allowMultipleAllocations")
            or all(
                value + _sum_consumed(cluster, place, name) <= _get_capacity(place, name)
                for name, value in consume(request, place).items()
            )
        )
    ]


def _sum_consumed(cluster: DeviceCluster, place: Place, name: str) -> int:
    """What other claims have of a shared device."""
    return sum(
        int(result.get("consumedCapacity", {}).get(name, 0))
        for claim in cluster.claims.values()
        for result in get_results(claim)
        if (result["driver"], result["pool"], result["device"]) == place.key and "adminAccess" not in result
    )


def is_selected(cluster: DeviceCluster, request: JsonObject, place: Place) -> bool:
    """Whether the selectors of class and request accept the device, as far as it does not depend on others."""
    device_class = cluster.classes[request["deviceClassName"]]
    expressions = [
        each["cel"]["expression"]
        for holder in (device_class["spec"], request)
        for each in holder.get("selectors", [])
    ]
    wanted = request.get("capacity", {}).get("requests", {})
    return (
        all(SELECTORS[each](place.driver, place.device) for each in expressions)
        and wanted.keys() <= place.device.get("capacity", {}).keys()
        and all(int(value) <= _get_capacity(place, name) for name, value in wanted.items())
    )


def _get_capacity(place: Place, name: str) -> int:
    return int(place.device["capacity"][name]["value"])


def list_places(cluster: DeviceCluster, node: JsonObject) -> list[Place]:
    """The devices of whole pools that the node can use, in the order in which they are tried."""
    return [place for place in _list_whole(cluster) if can_use(place.where, node)]


def _list_whole(cluster: DeviceCluster) -> Iterator[Place]:
    """The devices of pools all of whose slices exist, in their newest generation. By pool and slice."""
    pools: dict[tuple[str, str], list[JsonObject]] = defaultdict(list)
    for each in sorted(cluster.slices, key=get_name):
        pools[each["spec"]["driver"], each["spec"]["pool"]["name"]].append(each["spec"])
    for (driver, pool), specs in sorted(pools.items()):
        newest = max(spec["pool"]["generation"] for spec in specs)
        current = [spec for spec in specs if spec["pool"]["generation"] == newest]
        if len(current) != current[0]["pool"]["resourceSliceCount"]:
            continue
        for spec in current:
            for device in spec.get("devices", []):
                where = device if spec.get("perDeviceNodeSelection") else spec
                yield Place(driver, pool, device["name"], device, where)


def can_use(where: JsonObject, node: JsonObject) -> bool:
    if "nodeName" in where:
        return bool(where["nodeName"] == get_name(node))
    return bool(where.get("allNodes")) or match_terms(where["nodeSelector"], node)


def is_allowed(cluster: DeviceCluster, choices: Sequence[Choice]) -> bool:
    """Whether the pod can have all these devices together, beside what other claims have."""
    use = _Use(cluster)
    return all(
        use.take(choice, place) for choice in choices for place in choice.places
    ) and _meets_constraints(cluster, choices)


class _Use:
    """What is taken of devices, of their capacity, and of the counters of their pools."""

    def __init__(self, cluster: DeviceCluster) -> None:
        self._devices = list(_list_whole(cluster))
        self._counters = {
            (spec["driver"], spec["pool"]["name"], counters["name"], name): int(value["value"])
            for spec in (each["spec"] for each in cluster.slices)
            for counters in spec.get("sharedCounters", [])
            for name, value in counters["counters"].items()
        }
        #: The claims that have a device, "" for those of other pods.
        self._holders: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._capacity: dict[tuple[tuple[str, str, str], str], int] = defaultdict(int)
        self._counted: set[tuple[str, str, str]] = set()
        for claim in cluster.claims.values():
            for result in get_results(claim):
                self._add_result(result)

    def _add_result(self, result: JsonObject) -> None:
        if result.get("adminAccess"):
            return
        key = (result["driver"], result["pool"], result["device"])
        for name, value in result.get("consumedCapacity", {}).items():
            self._capacity[key, name] += int(value)
        if "shareID" not in result:
            self._holders[key].add("")
        self._counted.add(key)

    def take(self, choice: Choice, place: Place) -> bool:
        """Whether the request can have the device, too."""
        taints = [each for each in place.device.get("taints", []) if each["effect"] != "None"]
        if any(
            not any(tolerates(each, taint) for each in choice.request.get("tolerations", []))
            for taint in taints
        ):
            return False
        if place.device.get("allowMultipleAllocations"):
            if not self._share(choice, place):
                return False
        elif not self._own(choice, place):
            return False
        self._counted.add(place.key)
        return not place.device.get("consumesCounters") or self._has_counters(place)

    def _own(self, choice: Choice, place: Place) -> bool:
        """Admin access takes no device from others, but is given only once in a claim."""
        holders = self._holders[place.key]
        is_taken = choice.claim in holders if choice.request.get("adminAccess") else bool(holders)
        holders.add(choice.claim)
        return not is_taken

    def _share(self, choice: Choice, place: Place) -> bool:
        for name, value in consume(choice.request, place).items():
            self._capacity[place.key, name] += value
            if self._capacity[place.key, name] > _get_capacity(place, name):
                return False
        return True

    def _has_counters(self, place: Place) -> bool:
        left = dict(self._counters)
        for each in self._devices:
            if each.key not in self._counted:
                continue
            for use in each.device.get("consumesCounters", []):
                for name, value in use["counters"].items():
                    left[each.driver, each.pool, use["counterSet"], name] -= int(value["value"])
        return all(value >= 0 for key, value in left.items() if key[:2] == place.key[:2])


def consume(request: JsonObject, place: Place) -> dict[str, int]:
    """What the request takes of a shared device: all of it, unless it says how much."""
    wanted = request.get("capacity", {}).get("requests", {})
    return {
        name: int(wanted.get(name, each["value"])) for name, each in place.device.get("capacity", {}).items()
    }


def _meets_constraints(cluster: DeviceCluster, choices: Sequence[Choice]) -> bool:
    for name in {choice.claim for choice in choices} & cluster.claims.keys():
        for constraint in cluster.claims[name]["spec"]["devices"].get("constraints", []):
            places = [
                place
                for choice in choices
                if choice.claim == name and _concerns(constraint, choice.request["name"])
                for place in choice.places
            ]
            if not _meets(constraint, places):
                return False
    return True


def _concerns(constraint: JsonObject, request: str) -> bool:
    names = constraint.get("requests", [])
    return not names or request in names or request.partition("/")[0] in names


def _meets(constraint: JsonObject, places: Iterable[Place]) -> bool:
    attribute = constraint.get("matchAttribute") or constraint["distinctAttribute"]
    values = [get_attribute(place.device, attribute.removeprefix(_DOMAIN)) for place in places]
    if None in values:
        return False
    different = len(set(values))
    return different == len(values) if "distinctAttribute" in constraint else different <= 1
