"""Requests and limits: QoS class, cgroup numbers, values for the downward API."""

from collections.abc import Iterable
from typing import Any, Final

from kprov.kube.kubelet.pods.pod_queries import (
    Container,
    Pod,
    app_containers,
    init_containers,
    is_critical,
    is_sidecar,
)
from kprov.kube.machinery.quantity import Quantity

MIN_SHARES: Final = 2
MAX_SHARES: Final = 262_144
SHARES_PER_CPU: Final = 1024
MIN_QUOTA: Final = 1000
GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"


def amount(container: Container, kind: str, resource: str) -> Quantity | None:
    """``kind`` is requests or limits; a missing request is the limit, as the API server defaults it."""
    resources = container.get("resources") or {}
    text = (resources.get(kind) or {}).get(resource)
    if text is None and kind == "requests":
        text = (resources.get("limits") or {}).get(resource)
    return Quantity.parse(text) if text is not None else None


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort, over app and init containers and pod-level resources."""
    pod_level = pod["spec"].get("resources")
    units: list[Container] = (
        [{"resources": pod_level}] if pod_level else [*app_containers(pod), *init_containers(pod)]
    )
    guaranteed, any_set = True, False
    for unit in units:
        for resource in ("cpu", "memory"):
            request, limit = amount(unit, "requests", resource), amount(unit, "limits", resource)
            has_request = request is not None and not request.is_zero
            has_limit = limit is not None and not limit.is_zero
            any_set = any_set or has_request or has_limit
            if not has_limit or request != limit:
                guaranteed = False
    if not any_set:
        return BEST_EFFORT
    return GUARANTEED if guaranteed else BURSTABLE


def milli_cpu_to_shares(milli: int) -> int:
    if milli == 0:
        return MIN_SHARES
    return max(MIN_SHARES, min(MAX_SHARES, milli * SHARES_PER_CPU // 1000))


def milli_cpu_to_quota(milli: int, period_microseconds: int) -> int:
    """CFS quota in microseconds, 0 for none."""
    if milli == 0:
        return 0
    return max(MIN_QUOTA, milli * period_microseconds // 1000)


def oom_score_adj(pod: Pod, container: Container, memory_capacity: int) -> int:
    """From -997 (critical and guaranteed) to 1000 (best effort): who is killed first without memory."""
    if is_critical(pod) or qos_class(pod) == GUARANTEED:
        return -997
    if qos_class(pod) == BEST_EFFORT:
        return 1000
    request = amount(container, "requests", "memory")
    score = 1000 - (1000 * (request.value if request else 0)) // max(memory_capacity, 1)
    return 3 if score < 3 else 999 if score >= 1000 else score


def pod_request(pod: Pod, resource: str, kind: str = "requests") -> int:
    """What the pod needs at its peak: milli units of cpu, units of the rest (resourcehelper.PodRequests)."""

    def of(container: Container) -> int:
        quantity = amount(container, kind, resource)
        return 0 if quantity is None else quantity.milli_value if resource == "cpu" else quantity.value

    total = sum(of(container) for container in app_containers(pod))
    sidecars, peak = 0, 0
    for container in init_containers(pod):
        if is_sidecar(container):
            sidecars += of(container)
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + of(container))
    total = max(total + sidecars, peak)
    pod_level = pod["spec"].get("resources")
    if pod_level and amount({"resources": pod_level}, kind, resource) is not None:
        total = of({"resources": pod_level})
    overhead = (pod["spec"].get("overhead") or {}).get(resource)
    if overhead is not None:
        quantity = Quantity.parse(overhead)
        total += quantity.milli_value if resource == "cpu" else quantity.value
    return total


def pod_limit(pod: Pod, resource: str) -> int | None:
    """The sum of limits when every container has one, else None."""
    units: Iterable[Container] = [*app_containers(pod), *init_containers(pod)]
    if (pod_level := pod["spec"].get("resources")) and amount({"resources": pod_level}, "limits", resource):
        return pod_request(pod, resource, "limits")
    if any(amount(unit, "limits", resource) is None for unit in units):
        return None
    return pod_request(pod, resource, "limits")


def resource_field(container: Container, selector: dict[str, Any], allocatable: dict[str, Quantity]) -> str:
    """The value a resourceFieldRef stands for; a missing limit is the node's allocatable amount."""
    kind, _, resource = str(selector["resource"]).partition(".")
    resources = container.get("resources") or {}
    text = (resources.get(kind) or {}).get(resource)
    if text is not None:
        quantity = Quantity.parse(text)
    elif kind == "limits":
        quantity = allocatable.get(resource, Quantity(0))
    else:
        quantity = amount(container, "requests", resource) or Quantity(0)
    divisor = Quantity.parse(selector.get("divisor") or "1")
    if divisor.is_zero:
        divisor = Quantity.of(1)
    return str(-(-quantity.nanos // divisor.nanos))
