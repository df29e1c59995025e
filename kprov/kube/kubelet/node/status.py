"""Status of the node: addresses, resources, conditions, images; and when it has to be told."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.node.pressure import Pressure
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.quantity import Quantity

log = logging.getLogger(__name__)

Status = dict[str, Any]
_MAX_IMAGES: Final = 50
_MAX_NAMES: Final = 5


class NodeStatusMaker:
    """``problems()`` lists why the node is not ready (empty: it is). ``images()`` the runtime's images."""

    def __init__(
        self,
        config: KubeletConfig,
        *,
        host_ips: Sequence[str],
        capacity: dict[str, Quantity],
        allocatable: dict[str, Quantity],
        node_info: Status,
        pressure: Pressure,
        problems: Callable[[], list[str]],
    ) -> None:
        self._config = config
        self._host_ips = host_ips
        self._capacity = {name: str(amount) for name, amount in capacity.items()}
        self._allocatable = {name: str(amount) for name, amount in allocatable.items()}
        self._node_info = node_info
        self._pressure = pressure
        self._problems = problems
        self.images: Sequence[pb.Image] = ()

    def make(self, old: Status) -> Status:
        """The whole status now; conditions keep the time of their last change from ``old``."""
        addresses = [{"type": "InternalIP", "address": address} for address in self._host_ips]
        status: Status = {
            "addresses": [*addresses, {"type": "Hostname", "address": self._config.node_name}],
            "capacity": self._capacity,
            "allocatable": self._allocatable,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._config.port}},
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
            "nodeInfo": self._node_info,
            "images": _images(self.images),
            "conditions": self._conditions(old.get("conditions") or []),
        }
        return status

    def _conditions(self, old: Sequence[Status]) -> list[Status]:
        problems = self._problems()
        pressure = self._pressure
        now = timestamps.now()
        before = {item["type"]: item for item in old}
        result = [
            _amount("MemoryPressure", pressure.memory, "Memory", "memory available"),
            _condition(
                "DiskPressure",
                pressure.disk,
                f"KubeletHas{'' if pressure.disk else 'No'}DiskPressure",
                f"kubelet has {'' if pressure.disk else 'no '}disk pressure",
            ),
            _amount("PIDPressure", pressure.pids, "PID", "PID available"),
        ]
        ready = not problems
        text = "kubelet is posting ready status" if ready else ", ".join(problems)
        result.append(_condition("Ready", ready, "KubeletReady" if ready else "KubeletNotReady", text))
        for condition in result:
            known = before.get(condition["type"])
            same = known is not None and known["status"] == condition["status"]
            condition["lastTransitionTime"] = (known or {}).get("lastTransitionTime") or now if same else now
            condition["lastHeartbeatTime"] = now
        return result


def _amount(kind: str, bad: bool, resource: str, text: str) -> Status:
    reason = f"KubeletHas{'Insufficient' if bad else 'Sufficient'}{resource}"
    return _condition(kind, bad, reason, f"kubelet has {'insufficient' if bad else 'sufficient'} {text}")


def _condition(kind: str, good: bool, reason: str, message: str) -> Status:
    return {"type": kind, "status": "True" if good else "False", "reason": reason, "message": message}


def _images(images: Sequence[pb.Image]) -> list[Status]:
    """The largest images, as upstream: 50 at most, with 5 names each."""
    largest = sorted(images, key=lambda image: image.size, reverse=True)[:_MAX_IMAGES]
    return [
        {"names": [*image.repo_digests, *image.repo_tags][:_MAX_NAMES], "sizeBytes": image.size}
        for image in largest
        if image.repo_digests or image.repo_tags
    ]


def has_changed(old: Status, new: Status) -> bool:
    """Whether something other than a heartbeat differs."""

    def relevant(status: Status) -> Status:
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
        return {field: status.get(field) for field in fields} | {"conditions": conditions}

    mine, theirs = relevant(new), relevant(old)
    # Conditions of others on our node are none of our business.
    theirs["conditions"] = {kind: theirs["conditions"].get(kind) for kind in mine["conditions"]}
    theirs["nodeInfo"] = {key: (theirs["nodeInfo"] or {}).get(key) for key in mine["nodeInfo"]}
    return mine != theirs


def report_is_due(last: float, frequency: float) -> bool:
    return time.monotonic() - last >= frequency
