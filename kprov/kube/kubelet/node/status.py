"""The node's status: addresses, resources, conditions, images (pkg/kubelet/nodestatus)."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.node.pressure import NodePressure
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_MAX_IMAGES: Final = 50
_MAX_NAMES: Final = 5


class NodeStatusBuilder:
    """`list_problems()` says why the node is not ready, empty if it is. `images`: the runtime's."""

    def __init__(
        self,
        config: KubeletConfiguration,
        *,
        host_ips: Sequence[str],
        capacity: dict[str, Quantity],
        allocatable: dict[str, Quantity],
        node_info: JsonObject,
        pressure: NodePressure,
        list_problems: Callable[[], list[str]],
        get_handlers: Callable[[], Mapping[str, pb.RuntimeHandlerFeatures]],
    ) -> None:
        self._get_handlers = get_handlers
        self._config = config
        self._host_ips = host_ips
        self._capacity = {name: str(amount) for name, amount in capacity.items()}
        self._allocatable = {name: str(amount) for name, amount in allocatable.items()}
        self._node_info = node_info
        self._pressure = pressure
        self._list_problems = list_problems
        self.images: Sequence[pb.Image] = ()

    def build(self, old: JsonObject) -> JsonObject:
        """Return the whole status. Conditions that did not change keep their time from `old`."""
        addresses = [{"type": "InternalIP", "address": address} for address in self._host_ips]
        extended = self._list_extended(old)
        status: JsonObject = {
            "addresses": [*addresses, {"type": "Hostname", "address": self._config.node_name}],
            "capacity": self._capacity | extended,
            "allocatable": _list_outdated(old, extended) | self._allocatable | extended,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._config.port}},
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
            "nodeInfo": self._node_info,
            "runtimeHandlers": _list_handlers(self._get_handlers()),
            "images": _list_images(self.images),
            "conditions": self._make_conditions(old.get("conditions") or []),
        }
        return status

    def _list_extended(self, old: JsonObject) -> JsonObject:
        """Resources that an administrator added to the node's capacity. All of them are allocatable."""
        return {
            name: amount for name, amount in (old.get("capacity") or {}).items() if name not in self._capacity
        }

    def _make_conditions(self, old: Sequence[JsonObject]) -> list[JsonObject]:
        problems = self._list_problems()
        pressure = self._pressure
        now = timestamps.now()
        before = {item["type"]: item for item in old}
        result = [
            _make_amount_condition("MemoryPressure", pressure.memory, "Memory", "memory available"),
            _make_condition(
                "DiskPressure",
                pressure.disk,
                f"KubeletHas{'' if pressure.disk else 'No'}DiskPressure",
                f"kubelet has {'' if pressure.disk else 'no '}disk pressure",
            ),
            _make_amount_condition("PIDPressure", pressure.pids, "PID", "PID available"),
        ]
        ready = not problems
        text = "kubelet is posting ready status" if ready else ", ".join(problems)
        result.append(_make_condition("Ready", ready, "KubeletReady" if ready else "KubeletNotReady", text))
        for condition in result:
            known = before.get(condition["type"])
            same = known is not None and known["status"] == condition["status"]
            condition["lastTransitionTime"] = (known or {}).get("lastTransitionTime") or now if same else now
            condition["lastHeartbeatTime"] = now
        return result


def _list_outdated(old: JsonObject, extended: JsonObject) -> JsonObject:
    """Allocatable extended resources that the capacity no longer has; null removes them in a patch."""
    return {name: None for name in old.get("allocatable") or {} if "/" in name and name not in extended}


def _make_amount_condition(kind: str, bad: bool, resource: str, text: str) -> JsonObject:
    reason = f"KubeletHas{'Insufficient' if bad else 'Sufficient'}{resource}"
    return _make_condition(kind, bad, reason, f"kubelet has {'insufficient' if bad else 'sufficient'} {text}")


def _make_condition(kind: str, holds: bool, reason: str, message: str) -> JsonObject:
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}


def _list_images(images: Sequence[pb.Image]) -> list[JsonObject]:
    """Return the largest images, as upstream: 50 at most, with 5 names each."""
    largest = sorted(images, key=lambda image: image.size, reverse=True)[:_MAX_IMAGES]
    return [
        {"names": [*image.repo_digests, *image.repo_tags][:_MAX_NAMES], "sizeBytes": image.size}
        for image in largest
        if image.repo_digests or image.repo_tags
    ]


def _list_handlers(handlers: Mapping[str, pb.RuntimeHandlerFeatures]) -> list[JsonObject]:
    return [
        {
            "name": name,
            "features": {
                "recursiveReadOnlyMounts": features.recursive_read_only_mounts,
                "userNamespaces": features.user_namespaces,
            },
        }
        for name, features in sorted(handlers.items())
    ]


def has_changed(old: JsonObject, new: JsonObject) -> bool:
    """Whether the statuses differ in more than heartbeats."""

    def select(status: JsonObject) -> JsonObject:
        drop = {"lastHeartbeatTime"}
        conditions = {
            item["type"]: {key: value for key, value in item.items() if key not in drop}
            for item in status.get("conditions") or []
        }
        fields = (
            "addresses",
            "capacity",
            "allocatable",
            "daemonEndpoints",
            "declaredFeatures",
            "nodeInfo",
            "images",
        )
        selected = {field: status.get(field) for field in fields} | {"conditions": conditions}
        # The API server drops an empty list of them.
        return selected | {"runtimeHandlers": status.get("runtimeHandlers") or []}

    mine, theirs = select(new), select(old)
    # Other clients may set conditions and fields that the kubelet does not.
    theirs["conditions"] = {kind: theirs["conditions"].get(kind) for kind in mine["conditions"]}
    theirs["nodeInfo"] = {key: (theirs["nodeInfo"] or {}).get(key) for key in mine["nodeInfo"]}
    return mine != theirs


def is_report_due(last: float, frequency: float) -> bool:
    return time.monotonic() - last >= frequency
