"""Random devices and claims for the oracle. Few devices, because it tries all choices."""

from __future__ import annotations

import random
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.scheduler.oracle.cluster import get_name
from tests.unit.kube.scheduler.oracle.devices import (
    DRIVERS,
    SELECTORS,
    Choice,
    DeviceCluster,
    Place,
    consume,
    find_choices,
    list_alternatives,
    list_places,
)

RESOURCE: Final = "example.com/gpu"
_ZONES: Final = ("a", "b")


class DeviceGenerator:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._cluster = DeviceCluster()
        #: Admin access beside counters, and the mode All for a pool that changes, are left to other tests.
        self._has_counters = self._has(0.3)
        self._can_be_incomplete = self._has(0.2)
        #: How often capacity matters.
        self._sharing = 0.8 if self._has(0.3) else 0.2

    def build_cluster(self) -> DeviceCluster:
        cluster = self._cluster
        cluster.nodes = [self._build_node(f"n{number}") for number in range(self._random.randint(2, 4))]
        cluster.classes = {"any": self._build_class("any"), "gpu": self._build_class("gpu")}
        cluster.classes["gpu"]["spec"]["selectors"] = [{"cel": {"expression": 'device.driver == "gpu.org"'}}]
        for node in cluster.nodes:
            if self._has(0.85):
                self._add_pool(get_name(node), {"nodeName": get_name(node)})
        if self._has(0.4):
            self._add_pool("shared", self._choose_nodes())
        if self._has(0.3):
            self._add_pool("mixed", {"perDeviceNodeSelection": True})
        for number in range(self._random.randint(0, 2)):
            self._add_allocated(f"other{number}")
        count = self._random.randint(0, 2)
        for number in range(count):
            # More requests than these have too many choices.
            self._add_wanted(f"mine{number}", self._random.randint(1, 3 - count))
        if self._has(0.3) or not cluster.wanted:
            cluster.classes["gpu"]["spec"]["extendedResourceName"] = RESOURCE
            cluster.extended, cluster.amount = RESOURCE, self._random.randint(1, 2)
        return cluster

    def _has(self, chance: float) -> bool:
        return self._random.random() < chance

    def _build_node(self, name: str) -> JsonObject:
        amounts = {RESOURCE: self._random.choice("012")} if self._has(0.3) else {}
        labels = {"zone": self._random.choice(_ZONES)}
        allocatable = {"cpu": "4", "pods": "10"} | amounts
        return {
            "metadata": {"name": name, "labels": labels},
            "spec": {},
            "status": {"allocatable": allocatable},
        }

    def _build_class(self, name: str) -> JsonObject:
        metadata = {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": metadata, "spec": {}}

    def _choose_nodes(self) -> JsonObject:
        """Which nodes can use a slice or a device."""
        if self._has(0.3):
            return {"allNodes": True}
        if self._has(0.3):
            return {"nodeName": get_name(self._random.choice(self._cluster.nodes))}
        values = self._random.sample(_ZONES, self._random.randint(1, 2))
        expression = {"key": "zone", "operator": "In", "values": values}
        return {"nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}

    # devices

    def _add_pool(self, pool: str, where: JsonObject) -> None:
        """One or two slices, perhaps one with counters, and perhaps an older one."""
        driver = self._random.choice((*DRIVERS, DRIVERS[0]))
        has_counters = self._has_counters and self._has(0.7)
        parts = self._random.randint(1, 2)
        count = parts + has_counters
        if self._can_be_incomplete and self._has(0.3):
            count += 1
        number = 0
        for part in range(parts):
            devices = []
            for _ in range(self._random.randint(1, 3)):
                more = self._choose_nodes() if "perDeviceNodeSelection" in where else {}
                devices.append(self._build_device(f"d{number}", has_counters=has_counters) | more)
                number += 1
            self._add_slice(driver, pool, f"{part}", count, where | {"devices": devices})
        if has_counters:
            size = str(self._random.randint(1, 4))
            counters = [{"name": "set", "counters": {"memory": {"value": size}}}]
            self._add_slice(driver, pool, "counters", count, where | {"sharedCounters": counters})
        if self._has(0.1):
            device = self._build_device("old", has_counters=False)
            old = where | {"devices": [device | (self._choose_nodes() if len(where) == 1 else {})]}
            if "perDeviceNodeSelection" not in where:
                old["devices"] = [device]
            # Not whole: as upstream, the allocator takes a whole old pool where newer slices are for other
            # nodes, and the plain search has one view of a pool for all nodes.
            self._add_slice(driver, pool, "old", 2, old, generation=1)

    def _add_slice(
        self, driver: str, pool: str, part: str, count: int, spec: JsonObject, generation: int = 2
    ) -> None:
        of_pool = {"name": pool, "generation": generation, "resourceSliceCount": count}
        metadata = {"name": f"{driver}-{pool}-{part}"}
        body = {"driver": driver, "pool": of_pool} | spec
        self._cluster.slices.append({"metadata": metadata, "spec": body})

    def _build_device(self, name: str, *, has_counters: bool) -> JsonObject:
        attributes: JsonObject = {
            "x.org/group": {"int": self._random.randint(0, 2)},
            "x.org/model": {"string": self._random.choice("ab")},
        }
        if self._has(0.5):
            attributes["x.org/extra"] = {"bool": self._has(0.5)}
        device: JsonObject = {"name": name, "attributes": attributes}
        if self._has(self._sharing):
            device["capacity"] = {"memory": {"value": str(self._random.randint(1, 4))}}
            if self._has(0.7):
                device["allowMultipleAllocations"] = True
        if self._has(0.2):
            effect = self._random.choice(("NoSchedule", "NoExecute", "None"))
            device["taints"] = [{"key": "k", "value": self._random.choice("vw"), "effect": effect}]
        if has_counters and self._has(0.7):
            value = {"value": str(self._random.randint(1, 3))}
            device["consumesCounters"] = [{"counterSet": "set", "counters": {"memory": value}}]
        return device

    # claims

    def _add_allocated(self, name: str) -> None:
        """A claim of another pod, with devices of one node if there are some for it."""
        exactly: JsonObject = {"deviceClassName": "any"}
        if self._has(self._sharing):
            # It leaves something of a shared device.
            exactly["capacity"] = {"requests": {"memory": "1"}}
        claim = self._build_claim(name, {"devices": {"requests": [{"name": "r", "exactly": exactly}]}})
        self._allocate(claim)

    def _add_wanted(self, name: str, count: int) -> None:
        requests = [self._build_request(f"r{number}") for number in range(count)]
        devices: JsonObject = {"requests": requests}
        is_all = any(
            each.get("allocationMode") == "All" for request in requests for each in list_alternatives(request)
        )
        if self._has(0.3) and not is_all:
            kind = self._random.choice(("matchAttribute", "distinctAttribute"))
            constraint: JsonObject = {
                kind: self._random.choice(("x.org/group", "x.org/model", "x.org/extra"))
            }
            if self._has(0.3):
                constraint["requests"] = ["r0"]
            devices["constraints"] = [constraint]
        claim = self._build_claim(name, {"devices": devices})
        if self._has(0.15):
            self._allocate(claim)
        self._cluster.wanted.append(name)

    def _build_claim(self, name: str, spec: JsonObject) -> JsonObject:
        metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"}
        claim = self._cluster.claims[name] = {"metadata": metadata, "spec": spec}
        return claim

    def _build_request(self, name: str) -> JsonObject:
        if self._has(0.4):
            exactly = self._build_part()
            if not self._has_counters and self._has(0.1):
                exactly["adminAccess"] = True
            return {"name": name, "exactly": exactly}
        parts = [self._build_part() | {"name": f"p{number}"} for number in range(self._random.randint(2, 3))]
        return {"name": name, "firstAvailable": parts}

    def _build_part(self) -> JsonObject:
        part: JsonObject = {"deviceClassName": self._random.choice(("any", "any", "gpu"))}
        if self._has(0.2) and not self._can_be_incomplete:
            part["allocationMode"] = "All"
        else:
            part |= {"allocationMode": "ExactCount", "count": self._random.choice((1, 1, 1, 2))}
        if self._has(0.25):
            expression = self._random.choice(sorted(SELECTORS))
            part["selectors"] = [{"cel": {"expression": expression}}]
        if self._has(0.4):
            part["tolerations"] = [{"key": "k", "operator": "Equal", "value": "v"}]
        if self._has(self._sharing / 2):
            part["capacity"] = {"requests": {"memory": str(self._random.randint(1, 3))}}
        return part

    def _allocate(self, claim: JsonObject) -> None:
        """Give a claim devices that it can have on some node, for this node or the others that can use them."""
        node = self._random.choice(self._cluster.nodes)
        saved = self._cluster.wanted, self._cluster.extended
        self._cluster.wanted, self._cluster.extended = [get_name(claim)], ""
        choices = find_choices(self._cluster, node)
        self._cluster.wanted, self._cluster.extended = saved
        if choices is None or not list_places(self._cluster, node):
            return
        results = [_build_result(choice, place) for choice in choices for place in choice.places]
        allocation: JsonObject = {"devices": {"results": results}}
        if self._has(0.8):
            field = {"key": "metadata.name", "operator": "In", "values": [get_name(node)]}
            allocation["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        claim["status"] = {"allocation": allocation}


def _build_result(choice: Choice, place: Place) -> JsonObject:
    result: JsonObject = {
        "request": choice.request["name"],
        "driver": place.driver,
        "pool": place.pool,
        "device": place.name,
    }
    if choice.request.get("adminAccess"):
        result["adminAccess"] = True
    if place.device.get("allowMultipleAllocations"):
        consumed = {name: str(value) for name, value in consume(choice.request, place).items()}
        result |= {"shareID": "share", "consumedCapacity": consumed}
    return result
