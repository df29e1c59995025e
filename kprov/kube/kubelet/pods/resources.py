"""Requests and limits of a pod: QoS class, cgroup values, values for the downward API."""

from typing import Final

from kprov.kube.api.core import Container, Pod, ResourceFieldSelector, ResourceRequirements
from kprov.kube.kubelet.pods.pod_queries import is_critical, is_sidecar
from kprov.kube.machinery.quantity import Quantity

MIN_SHARES: Final = 2
MAX_SHARES: Final = 262_144
SHARES_PER_CPU: Final = 1024
MIN_QUOTA: Final = 1000
GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"


def parse_request(resources: ResourceRequirements, resource: str) -> Quantity | None:
    """Return the request, or the limit if it is missing, as the API server sets it. None without both."""
    value = resources.requests.get(resource)
    return parse_limit(resources, resource) if value is None else Quantity.parse(value)


def parse_limit(resources: ResourceRequirements, resource: str) -> Quantity | None:
    value = resources.limits.get(resource)
    return None if value is None else Quantity.parse(value)


def _parse(resources: ResourceRequirements, kind: str, resource: str) -> Quantity | None:
    return (parse_request if kind == "requests" else parse_limit)(resources, resource)


def get_qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort, from app and init containers or from pod-level resources."""
    guaranteed, any_set = True, False
    for resources in _list_requirements(pod):
        for resource in ("cpu", "memory"):
            request, limit = parse_request(resources, resource), parse_limit(resources, resource)
            has_request = request is not None and not request.is_zero
            has_limit = limit is not None and not limit.is_zero
            any_set = any_set or has_request or has_limit
            if not has_limit or request != limit:
                guaranteed = False
    if not any_set:
        return BEST_EFFORT
    return GUARANTEED if guaranteed else BURSTABLE


def _list_requirements(pod: Pod) -> list[ResourceRequirements]:
    if (pod_level := _get_pod_level(pod)) is not None:
        return [pod_level]
    return [container.resources for container in [*pod.spec.containers, *pod.spec.init_containers]]


def _get_pod_level(pod: Pod) -> ResourceRequirements | None:
    resources = pod.spec.resources
    return resources if resources is not None and (resources.requests or resources.limits) else None


def milli_cpu_to_shares(milli: int) -> int:
    if milli == 0:
        return MIN_SHARES
    return max(MIN_SHARES, min(MAX_SHARES, milli * SHARES_PER_CPU // 1000))


def milli_cpu_to_quota(milli: int, period_microseconds: int) -> int:
    """CFS quota in microseconds, 0 for none."""
    if milli == 0:
        return 0
    return max(MIN_QUOTA, milli * period_microseconds // 1000)


def compute_oom_score_adj(pod: Pod, container: Container, memory_capacity: int) -> int:
    """From -997 (critical and guaranteed) to 1000 (best effort): the kernel kills the highest first."""
    if is_critical(pod) or get_qos_class(pod) == GUARANTEED:
        return -997
    if get_qos_class(pod) == BEST_EFFORT:
        return 1000
    request = parse_request(container.resources, "memory")
    score = 1000 - (1000 * (request.value if request else 0)) // max(memory_capacity, 1)
    return 3 if score < 3 else 999 if score >= 1000 else score


def sum_requests(pod: Pod, resource: str) -> int:
    """Return what the pod requests at its peak: milli units of cpu, units of the rest (PodRequests)."""
    return _sum_resources(pod, resource, "requests")


def sum_limits(pod: Pod, resource: str) -> int | None:
    """Return the sum of limits if every container has one or the pod has its own, else None."""
    pod_level = _get_pod_level(pod)
    if pod_level is not None and parse_limit(pod_level, resource):
        return _sum_resources(pod, resource, "limits")
    containers = [*pod.spec.containers, *pod.spec.init_containers]
    if any(parse_limit(container.resources, resource) is None for container in containers):
        return None
    return _sum_resources(pod, resource, "limits")


def _sum_resources(pod: Pod, resource: str, kind: str) -> int:
    def count(resources: ResourceRequirements) -> int:
        return _to_units(_parse(resources, kind, resource), resource)

    total = sum(count(container.resources) for container in pod.spec.containers)
    sidecars, peak = 0, 0
    for container in pod.spec.init_containers:
        if is_sidecar(container):
            sidecars += count(container.resources)
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + count(container.resources))
    total = max(total + sidecars, peak)
    pod_level = _get_pod_level(pod)
    if pod_level is not None and _parse(pod_level, kind, resource) is not None:
        total = count(pod_level)
    overhead = pod.spec.overhead.get(resource)
    if overhead is not None:
        total += _to_units(Quantity.parse(overhead), resource)
    return total


def _to_units(quantity: Quantity | None, resource: str) -> int:
    if quantity is None:
        return 0
    return quantity.milli_value if resource == "cpu" else quantity.value


def render_resource_field(
    container: Container, selector: ResourceFieldSelector, allocatable: dict[str, Quantity]
) -> str:
    """Return the value of a resourceFieldRef. A missing limit is the node's allocatable amount."""
    kind, _, resource = selector.resource.partition(".")
    if kind == "limits":
        quantity = parse_limit(container.resources, resource) or allocatable.get(resource, Quantity(0))
    else:
        quantity = parse_request(container.resources, resource) or Quantity(0)
    divisor = Quantity.parse(selector.divisor or "1")
    if divisor.is_zero:
        divisor = Quantity.of(1)
    return str(-(-quantity.nanos // divisor.nanos))
