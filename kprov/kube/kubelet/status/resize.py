"""The resources that running containers really have, and the condition of a resize that is not done.

This kubelet does not resize running containers. A changed spec takes effect when the container starts again.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Container, Pod, ResourceRequirements
from kprov.kube.api.decoding import convert
from kprov.kube.kubelet.cri.pod_state import ContainerState, RuntimeResources
from kprov.kube.kubelet.pods import resources
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import BINARY_SI, Quantity

PENDING: Final = "PodResizePending"
REASON: Final = "Infeasible"
_MESSAGE: Final = (
    "this kubelet does not resize running containers: {names} keep their resources until they start again"
)


def find_actual_resources(
    container: Container, state: ContainerState, old: JsonObject | None
) -> ResourceRequirements:
    """Return what the container was started with: of the status before, of the spec, or of the runtime.

    `old`: the container's status before. The runtime does not know memory requests, and rounds the rest.
    """
    spec = container.resources
    before = None
    if old is not None and str(old.get("containerID", "")).endswith(f"//{state.id}") and old.get("resources"):
        before = convert(old["resources"], ResourceRequirements)
    candidates = [item for item in (before, spec) if item is not None]
    actual = state.resources
    if actual is None:
        return candidates[0]
    for candidate in candidates:
        if _fits(candidate, actual):
            return candidate
    return _correct(candidates[0], actual)


def make_condition(pod: Pod, statuses: Mapping[str, JsonObject]) -> JsonObject | None:
    """Return the condition of a pod whose spec asks for other resources than its containers run with."""
    names = [
        container.name
        for container in [*pod.spec.init_containers, *pod.spec.containers]
        if _waits_for_resize(container, statuses.get(container.name) or {})
    ]
    if not names:
        return None
    return {
        "type": PENDING,
        "status": "True",
        "reason": REASON,
        "message": _MESSAGE.format(names=", ".join(names)),
    }


def _waits_for_resize(container: Container, status: JsonObject) -> bool:
    if not (status.get("state") or {}).get("running") or "resources" not in status:
        return False
    actual = convert(status["resources"], ResourceRequirements)
    return _normalize(container.resources) != _normalize(actual)


def _normalize(requirements: ResourceRequirements) -> dict[tuple[str, str], Quantity]:
    """Return the amounts of what can be resized, of equal value in whatever form."""
    return {
        (part, name): Quantity.parse(amounts[name])
        for part, amounts in (("requests", requirements.requests), ("limits", requirements.limits))
        for name in ("cpu", "memory")
        if name in amounts
    }


def _fits(requirements: ResourceRequirements, actual: RuntimeResources) -> bool:
    """Whether the runtime has for these amounts what it says. It may not apply quotas (cpuCFSQuota)."""
    request = resources.parse_request(requirements, "cpu")
    limit, memory = resources.parse_limit(requirements, "cpu"), resources.parse_limit(requirements, "memory")
    wanted = resources.milli_cpu_to_quota(limit.milli_value, actual.cpu_period) if limit else 0
    return (
        resources.milli_cpu_to_shares(request.milli_value if request else 0) == actual.cpu_shares
        and (wanted == actual.cpu_quota or actual.cpu_quota <= 0)
        and (memory.value if memory else 0) == actual.memory_limit
    )


def _correct(known: ResourceRequirements, actual: RuntimeResources) -> ResourceRequirements:
    """Return the amounts of the runtime in place of those that differ."""
    document: dict[str, Any] = msgspec.to_builtins(known)
    requests, limits = dict(document.get("requests") or {}), dict(document.get("limits") or {})
    if actual.cpu_shares > resources.MIN_SHARES:
        requests["cpu"] = f"{-(-actual.cpu_shares * 1000 // resources.SHARES_PER_CPU)}m"
    if actual.cpu_quota > 0 and actual.cpu_period:
        limits["cpu"] = f"{actual.cpu_quota * 1000 // actual.cpu_period}m"
    if actual.memory_limit:
        limits["memory"] = str(Quantity.of(actual.memory_limit, BINARY_SI))
    return convert(document | {"requests": requests, "limits": limits}, ResourceRequirements)
