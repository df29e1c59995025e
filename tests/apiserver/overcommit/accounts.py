"""What the pods of each node request, computed anew from the events of pods and nodes at every revision."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
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
    """Replays events. ``problems`` has a line for each moment at which a binding overcommits a node."""

    bindings: int = 0
    problems: list[str] = field(default_factory=list)
    #: Largest part of the CPU of a node that was requested at any time.
    peak: Decimal = Decimal(0)
    _nodes: dict[str, Amounts] = field(default_factory=dict)
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
        if kind == "DELETED":
            self._nodes.pop(node["metadata"]["name"], None)
        else:
            self._nodes[node["metadata"]["name"]] = node["allocatable"]

    def _apply_pod(self, version: int, kind: str, pod: JsonObject) -> None:
        if not pod["node"]:
            return
        placed = self._pods.setdefault(pod["node"], {})
        is_new = pod["metadata"]["uid"] not in placed
        if kind == "DELETED" or pod["is_finished"]:
            placed.pop(pod["metadata"]["uid"], None)
            return
        placed[pod["metadata"]["uid"]] = pod
        if is_new:
            self.bindings += 1
            self._judge(version, pod)

    def _judge(self, version: int, new: JsonObject) -> None:
        """Judge the node of a pod that was just bound."""
        node, placed = new["node"], self._pods[new["node"]]
        allocatable = self._nodes.get(node)
        if allocatable is None:
            # Deleted between the decision and the binding.
            return
        total: Amounts = {}
        for pod in placed.values():
            _add(total, pod["requests"])
        where = f"revision {version}: {new['metadata']['name']} on {node}"
        for name, amount in total.items():
            if amount > allocatable.get(name, Decimal(0)):
                self.problems.append(f"{where}: {name} {amount} > {allocatable.get(name, 0)}")
        self.peak = max(self.peak, total.get("cpu", Decimal(0)) / allocatable["cpu"])
        others = [port for pod in placed.values() if pod is not new for port in pod["ports"]]
        self.problems += [
            f"{where}: host port {port} meets {other}"
            for port in new["ports"]
            for other in others
            if _meet(port, other)
        ]


def _meet(one: HostPort, other: HostPort) -> bool:
    same_address = one[0] == other[0] or _ANY_ADDRESS in {one[0], other[0]}
    return same_address and one[1:] == other[1:]
