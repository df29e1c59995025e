"""Requests of a claim for devices, and the alternatives of a request (firstAvailable)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.machinery.quantity import Quantity
from kprov.kube.scheduler.devices.selectors import SelectorError
from kprov.kube.scheduler.devices.slices import Device

#: AllocationResultsMaxSize: devices of a claim.
MAX_DEVICES = 32
_BLOCKING = frozenset({"NoSchedule", "NoExecute"})


class AllocationError(Exception):
    """A claim, a class or a selector is wrong, for whatever node. The message is upstream's."""


class NodeError(Exception):
    """Allocation fails on this node for a reason that users should see."""


@dataclass(eq=False)
class Request:
    """A request, or one of its alternatives. `parent`: the request that has alternatives, "" for others."""

    name: str
    parent: str
    spec: JsonMapping
    device_class: JsonObject
    #: How many devices. Without a number it gets all devices that match, which are then in `all_devices`.
    count: int = 0
    all_devices: Sequence[Device] | None = None
    tolerations: Sequence[JsonMapping] = field(init=False)
    admin_access: bool = field(init=False)
    capacity: dict[str, Quantity] = field(init=False)
    _selectors: Sequence[tuple[str, Sequence[str]]] = field(init=False)

    def __post_init__(self) -> None:
        spec = self.spec
        self.tolerations = spec.get("tolerations") or ()
        self.admin_access = not self.parent and bool(spec.get("adminAccess"))
        requests = (spec.get("capacity") or {}).get("requests") or {}
        self.capacity = {name: Quantity.parse(value) for name, value in requests.items()}
        class_name = self.device_class["metadata"]["name"]
        self._selectors = (
            (f"class {class_name}", list_expressions(self.device_class["spec"])),
            ("", list_expressions(spec)),
        )

    @property
    def full_name(self) -> str:
        """Return the name that results have: REQUEST or REQUEST/ALTERNATIVE."""
        return f"{self.parent}/{self.name}" if self.parent else self.name

    def selects(self, device: Device, claim_key: str) -> bool:
        """Whether the selectors of the class and of the request accept the device. Raises AllocationError."""
        for owner, expressions in self._selectors:
            for number, expression in enumerate(expressions):
                try:
                    if not device.matches(expression):
                        return False
                except SelectorError as error:
                    text = f"{owner or f'claim {claim_key}'}: selector #{number}: {error}"
                    raise AllocationError(text) from error
        return True

    def tolerates(self, device: Device) -> bool:
        """Whether no taint of the device keeps the request away."""
        taints = device.spec.get("taints") or ()
        return all(
            taint.get("effect") not in _BLOCKING
            or any(_tolerates(toleration, taint) for toleration in self.tolerations)
            for taint in taints
        )


def list_alternatives(request: JsonMapping) -> Iterator[tuple[str, str, JsonMapping]]:
    """Return (name, parent, spec) of each alternative of a request, or of the request if it has none."""
    if request.get("exactly") is not None:
        yield request["name"], "", request["exactly"]
        return
    for alternative in request.get("firstAvailable") or ():
        yield alternative["name"], request["name"], alternative


def build_request(
    name: str,
    parent: str,
    spec: JsonMapping,
    *,
    claim_key: str,
    get_class: Callable[[str], JsonObject | None],
) -> Request:
    """Build a request. Raise AllocationError."""
    class_name = spec.get("deviceClassName") or ""
    device_class = get_class(class_name)
    if device_class is None:
        text = f'deviceclass.resource.k8s.io "{class_name}" not found'
        raise AllocationError(
            f"claim {claim_key}, request {name}: could not retrieve device class {class_name}: {text}"
        )
    is_all = spec.get("allocationMode") == "All"
    return Request(name, parent, spec, device_class, count=0 if is_all else int(spec.get("count") or 1))


def list_expressions(spec: JsonMapping) -> list[str]:
    """Return the CEL selectors of a request, or of the spec of a class."""
    selectors: Iterable[JsonMapping] = spec.get("selectors") or ()
    return [selector["cel"]["expression"] for selector in selectors if selector.get("cel")]


def _tolerates(toleration: JsonMapping, taint: JsonMapping) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("key") not in (None, "", taint.get("key")):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Equal":
        return bool((toleration.get("value") or "") == (taint.get("value") or ""))
    return bool(operator == "Exists")
