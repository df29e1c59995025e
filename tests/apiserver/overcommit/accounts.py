"""What the pods of each node request, computed anew from the events of pods and nodes at every revision."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from kubernetes.utils.quantity import parse_quantity

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.overcommit.decisions import Decision

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
        "seen": time.time(),
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
        "seen": time.time(),
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


@dataclass(frozen=True, slots=True)
class _Placed:
    """A pod on a node. version: of the event that showed it there first."""

    pod: JsonObject
    version: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Size:
    """What a node offers since a resource version. None: it does not exist."""

    version: int
    seen: float
    amounts: Amounts | None


@dataclass
class Accounts:
    """Replays events. `problems` has a line for each binding that overcommits what its scheduler knew of the node."""

    #: In the order of their times.
    decisions: Sequence[Decision]
    bindings: int = 0
    problems: list[str] = field(default_factory=list)
    #: Bindings to a node that had changed or disappeared when they arrived, which their schedulers could not know.
    crossed: int = 0
    #: The longest time from a change to a decision that did not know it, in seconds.
    lateness: float = 0.0
    #: The longest time from a decision to its binding, in seconds.
    slowest: float = 0.0
    #: Largest part of the CPU of a node that was requested at any time.
    peak: Decimal = Decimal(0)
    _nodes: dict[str, list[_Size]] = field(default_factory=dict)
    _pods: dict[str, dict[str, _Placed]] = field(default_factory=dict)

    def replay(
        self, pods: Iterable[tuple[str, JsonObject]], nodes: Iterable[tuple[str, JsonObject]]
    ) -> Accounts:
        """Both in the order of their resource versions, which one etcd counts for all kinds."""
        chosen: dict[tuple[str, str], list[Decision]] = {}
        for decision in sorted(self.decisions, key=lambda each: each.time):
            chosen.setdefault((decision.uid, decision.node), []).append(decision)
        tagged = heapq.merge(
            ((int(obj["metadata"]["resourceVersion"]), "pod", kind, obj) for kind, obj in pods),
            ((int(obj["metadata"]["resourceVersion"]), "node", kind, obj) for kind, obj in nodes),
            key=lambda event: event[0],
        )
        for version, source, kind, obj in tagged:
            if source == "node":
                amounts = None if kind == "DELETED" else obj["allocatable"]
                sizes = self._nodes.setdefault(obj["metadata"]["name"], [])
                sizes.append(_Size(version, obj["seen"], amounts))
            elif obj["node"]:
                self._apply_pod(version, kind, obj, chosen.get((obj["metadata"]["uid"], obj["node"]), ()))
        return self

    def _apply_pod(self, version: int, kind: str, pod: JsonObject, decisions: Sequence[Decision]) -> None:
        uid, placed = pod["metadata"]["uid"], self._pods.setdefault(pod["node"], {})
        before = placed.get(uid)
        if kind == "DELETED" or pod["is_finished"]:
            placed.pop(uid, None)
        elif before is not None:
            placed[uid] = replace(before, pod=pod)
        else:
            self.bindings += 1
            decision = next((each for each in reversed(decisions) if each.time <= pod["seen"]), None)
            if decision is None:
                self.problems.append(f"revision {version}: no scheduler chose {pod['node']} for {_name(pod)}")
                return
            placed[uid] = new = _Placed(pod, version, decision)
            # The bindings of a scheduler may overtake each other: the last decision had to count the others.
            for each in placed.values():
                if each is new or _is_known(new, each):
                    self._judge(version, each)
            self._measure(new)

    def _judge(self, version: int, new: _Placed) -> None:
        """Compare the pods that a decision had to count with the size of the node that it knew."""
        node = new.decision.node
        size = self._find_known_size(new.decision)
        where = f"revision {version}: {_name(new.pod)} on {node}"
        if size is None or size.amounts is None:
            self.problems.append(f"{where}: {self._describe(new, size)}")
            return
        others = [each for each in self._pods[node].values() if each is not new and _is_known(each, new)]
        for name, amount in _sum_requests((*others, new)).items():
            if amount > size.amounts.get(name, Decimal(0)):
                limit = size.amounts.get(name, 0)
                self.problems.append(f"{where}: {name} {amount} > {limit}: {self._describe(new, size)}")
        ports = [port for each in others for port in each.pod["ports"]]
        self.problems += [
            f"{where}: host port {port} meets {other}"
            for port in new.pod["ports"]
            for other in ports
            if _meet(port, other)
        ]

    def _find_known_size(self, decision: Decision) -> _Size | None:
        sizes = self._nodes.get(decision.node, ())
        return next((size for size in reversed(sizes) if size.version <= decision.node_version), None)

    def _measure(self, new: _Placed) -> None:
        """Count what the node is as it is, known or not."""
        decision, current = new.decision, self._nodes[new.decision.node][-1]
        self.slowest = max(self.slowest, new.pod["seen"] - decision.time)
        known = self._find_known_size(decision)
        if current.amounts is None:
            self.crossed += 1
            return
        total = _sum_requests(self._pods[decision.node].values())
        if current is not known and any(
            amount > current.amounts.get(name, Decimal(0)) for name, amount in total.items()
        ):
            self.crossed += 1
            self.lateness = max(self.lateness, decision.time - current.seen)
        if cpu := current.amounts.get("cpu"):
            self.peak = max(self.peak, total.get("cpu", Decimal(0)) / cpu)

    def _describe(self, new: _Placed, size: _Size | None) -> str:
        """What the scheduler knew of the node, and how old that was."""
        decision = new.decision
        if size is None:
            return f"at resource version {decision.node_version} there was no such node"
        verb = "is gone" if size.amounts is None else "has that size"
        return (
            f"the node {verb} since resource version {size.version}, {decision.time - size.seen:.3f} s before "
            f"the decision of {decision.scheduler}, which knew version {decision.node_version}"
        )


def _name(pod: JsonObject) -> str:
    return str(pod["metadata"]["name"])


def _is_known(pod: _Placed, new: _Placed) -> bool:
    """Whether the decision for a new pod had to count another one."""
    earlier, later = pod.decision, new.decision
    is_own = earlier.scheduler == later.scheduler and earlier.time <= later.time
    return is_own or pod.version <= later.pods_version


def _sum_requests(placed: Iterable[_Placed]) -> Amounts:
    total: Amounts = {}
    for each in placed:
        _add(total, each.pod["requests"])
    return total


def _meet(one: HostPort, other: HostPort) -> bool:
    same_address = one[0] == other[0] or _ANY_ADDRESS in {one[0], other[0]}
    return same_address and one[1:] == other[1:]
