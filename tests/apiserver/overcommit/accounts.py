"""What the pods of each node request, computed anew from the events of pods and nodes at every revision."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Final

from kubernetes.utils.quantity import parse_quantity

from kprov.kube.machinery.json_object import JsonObject

_FINISHED: Final = {"Succeeded", "Failed"}
_ANY_ADDRESS: Final = "0.0.0.0"
Amounts = dict[str, Decimal]
#: Address, protocol and port of a host.
HostPort = tuple[str, str, int]


def reduce_pod(pod: JsonObject) -> JsonObject:
    """What the accounts need of a pod."""
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]
    return {
        "metadata": {name: pod["metadata"][name] for name in ("name", "uid", "resourceVersion")},
        "seen": time.monotonic(),
        "scheduler": pod["spec"].get("schedulerName", ""),
        "node": pod["spec"].get("nodeName", ""),
        "is_finished": pod["status"].get("phase") in _FINISHED,
        "is_deleted": "deletionTimestamp" in pod["metadata"],
        "requests": compute_requests(pod["spec"]),
        "ports": [
            (port.get("hostIP") or _ANY_ADDRESS, port.get("protocol", "TCP"), port["hostPort"])
            for container in containers
            for port in container.get("ports", ())
            if port.get("hostPort")
        ],
    }


def reduce_node(node: JsonObject) -> JsonObject:
    amounts = node["status"].get("allocatable", {})
    return {
        "metadata": {name: node["metadata"][name] for name in ("name", "uid", "resourceVersion")},
        "seen": time.monotonic(),
        "allocatable": {name: parse_quantity(amount) for name, amount in amounts.items()},
    }


def compute_requests(spec: JsonObject) -> Amounts:
    """The larger of what the containers request together and what the init containers need on the way.

    An init container with the restart policy Always runs on beside all that come after it.
    """
    total: Amounts = {}
    for container in spec["containers"]:
        _add(total, _list_requests(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers", ()):
        requests = _list_requests(container)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, requests)
            step = dict(sidecars)
        else:
            step = dict(sidecars)
            _add(step, requests)
        peak = {name: max(peak.get(name, Decimal(0)), step.get(name, Decimal(0))) for name in {*peak, *step}}
    _add(total, sidecars)
    whole = {name: max(peak.get(name, Decimal(0)), total.get(name, Decimal(0))) for name in {*peak, *total}}
    return whole | {"pods": Decimal(1)}


def _list_requests(container: JsonObject) -> Amounts:
    resources = container.get("resources", {})
    # The server copies limits to requests that are missing.
    return {name: parse_quantity(amount) for name, amount in resources.get("requests", {}).items()}


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


@dataclass
class Accounts:
    """Replays events. ``problems`` has a line for each moment at which a binding overcommits a node.

    A scheduler knows its own bindings at once. What others have changed in the last ``late_seconds``, it may not know.
    """

    late_seconds: float = 0.0
    bindings: int = 0
    problems: list[str] = field(default_factory=list)
    #: Largest part of the CPU of a node that was requested at any time.
    peak: Decimal = Decimal(0)
    #: The sizes of each node, with their times. None: it does not exist.
    _nodes: dict[str, list[tuple[float, Amounts | None]]] = field(default_factory=dict)
    _pods: dict[str, dict[str, JsonObject]] = field(default_factory=dict)

    def replay(
        self, pods: Iterable[tuple[str, JsonObject]], nodes: Iterable[tuple[str, JsonObject]]
    ) -> Accounts:
        """Both in the order of their resource versions, which one etcd counts for all kinds."""
        tagged = heapq.merge(
            ((int(obj["metadata"]["resourceVersion"]), "pod", kind, obj) for kind, obj in pods),
            ((int(obj["metadata"]["resourceVersion"]), "node", kind, obj) for kind, obj in nodes),
            key=lambda event: event[0],
        )
        for version, source, kind, obj in tagged:
            if source == "node":
                self._apply_node(kind, obj)
            else:
                self._apply_pod(version, kind, obj)
        return self

    def _apply_node(self, kind: str, node: JsonObject) -> None:
        sizes = self._nodes.setdefault(node["metadata"]["name"], [])
        sizes.append((node["seen"], None if kind == "DELETED" else node["allocatable"]))

    def _get_largest_size(self, node: str, moment: float) -> Amounts | None:
        """The amounts that a scheduler may take for the size of a node. None: the node does not exist."""
        sizes = self._nodes.get(node, [(0.0, None)])
        current = sizes[-1][1]
        if current is None:
            # Deleted between the decision and the binding.
            return None
        ends = [start for start, _ in sizes[1:]] + [moment]
        late = [size for (_, size), end in zip(sizes, ends, strict=True) if end > moment - self.late_seconds]
        known = [size for size in late if size is not None] or [current]
        return {name: max(size.get(name, Decimal(0)) for size in known) for name in {*chain(*known)}}

    def _apply_pod(self, version: int, kind: str, pod: JsonObject) -> None:
        if not pod["node"]:
            return
        placed = self._pods.setdefault(pod["node"], {})
        before = placed.get(pod["metadata"]["uid"])
        if kind == "DELETED" or pod["is_finished"]:
            placed.pop(pod["metadata"]["uid"], None)
            return
        placed[pod["metadata"]["uid"]] = pod | {"bound": before["bound"] if before else pod["seen"]}
        if before is None:
            self.bindings += 1
            self._judge(version, pod)

    def _judge(self, version: int, new: JsonObject) -> None:
        """Judge the node of a pod that was just bound."""
        node = new["node"]
        allocatable = self._get_largest_size(node, new["seen"])
        if allocatable is None:
            return
        others = [
            pod
            for pod in self._pods[node].values()
            if pod["metadata"]["uid"] != new["metadata"]["uid"] and self._is_known(pod, new)
        ]
        total: Amounts = {}
        for pod in (*others, new):
            _add(total, pod["requests"])
        where = f"revision {version}: {new['metadata']['name']} on {node}"
        for name, amount in total.items():
            if amount > allocatable.get(name, Decimal(0)):
                self.problems.append(f"{where}: {name} {amount} > {allocatable.get(name, 0)}")
        if cpu := allocatable.get("cpu"):
            self.peak = max(self.peak, total.get("cpu", Decimal(0)) / cpu)
        ports = [port for pod in others for port in pod["ports"]]
        self.problems += [
            f"{where}: host port {port} meets {other}"
            for port in new["ports"]
            for other in ports
            if _meet(port, other)
        ]

    def _is_known(self, pod: JsonObject, new: JsonObject) -> bool:
        """Whether the scheduler of a new pod must know of another one."""
        is_own = bool(pod["scheduler"] == new["scheduler"])
        return is_own or bool(pod["bound"] <= new["seen"] - self.late_seconds)


def _meet(one: HostPort, other: HostPort) -> bool:
    same_address = one[0] == other[0] or _ANY_ADDRESS in {one[0], other[0]}
    return same_address and one[1:] == other[1:]
