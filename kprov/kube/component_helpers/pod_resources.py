"""What a pod asks of its node (k8s.io/component-helpers/resource)."""

from collections.abc import Iterable, Mapping

from kprov.kube.api.core import Container, Pod, Quantity
from kprov.kube.machinery.quantity import Quantity as Amount

CPU, MEMORY, EPHEMERAL_STORAGE = "cpu", "memory", "ephemeral-storage"
# What scoring takes for a container that asks for nothing: 0.1 core, 200 MiB (schedutil's defaults).
NON_ZERO = {CPU: 100, MEMORY: 200 * 1024 * 1024}

# Name > amount: thousandths of a core for cpu, whole units (bytes) for the rest.
Amounts = dict[str, int]


def amount(name: str, quantity: Quantity) -> int:
    """An integer amount of a resource, rounded up."""
    parsed = Amount.parse(quantity)
    return parsed.milli_value if name == CPU else parsed.value


def amounts(resources: Mapping[str, Quantity]) -> Amounts:
    return {name: amount(name, quantity) for name, quantity in resources.items()}


def pod_requests(pod: Pod, *, non_zero: bool = False) -> Amounts:
    """Requests of the whole pod: its containers and sidecars, or what an init container needs at its peak.

    Pod-level requests (spec.resources) take the place of the containers' sum; overhead is on top. With
    `non_zero` containers that ask for no cpu or memory count with NON_ZERO.
    """
    spec = pod.spec
    total = _sum(_container(entry, non_zero=non_zero) for entry in spec.containers)
    sidecars: Amounts = {}
    peak: Amounts = {}
    for entry in spec.init_containers:
        wanted = _container(entry, non_zero=non_zero)
        if entry.restart_policy == "Always":
            total = _sum((total, wanted))
            sidecars = _sum((sidecars, wanted))
            wanted = sidecars
        else:
            wanted = _sum((sidecars, wanted))
        peak = _maximum(peak, wanted)
    total = _maximum(total, peak)
    if spec.resources is not None:
        total |= amounts(spec.resources.requests)
    return _sum((total, amounts(spec.overhead))) if spec.overhead else total


def _container(container: Container, *, non_zero: bool) -> Amounts:
    wanted = amounts(container.resources.requests)
    return NON_ZERO | wanted if non_zero else wanted


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def _maximum(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one.keys() | other.keys()}
