"""The nodes on which a daemon set's pods run. Functions of values (pkg/controller/daemon)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Node, Pod, PodSpec, Toleration
from kprov.kube.api.decoding import convert
from kprov.kube.component_helpers.node_affinity import is_node_selected
from kprov.kube.component_helpers.taints import NO_EXECUTE, NO_SCHEDULE, find_untolerated

_PREFIX: Final = "node.kubernetes.io/"
# Daemon pods tolerate the taints of unhealthy nodes.
TOLERATIONS: Final = (
    *(
        Toleration(key=_PREFIX + key, operator="Exists", effect=NO_EXECUTE)
        for key in ("not-ready", "unreachable")
    ),
    *(
        Toleration(key=_PREFIX + key, operator="Exists", effect=NO_SCHEDULE)
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ),
)
_HOST_NETWORK: Final = Toleration(key=_PREFIX + "network-unavailable", operator="Exists", effect=NO_SCHEDULE)
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


class Placement:
    """The placement rules of one pod template, read once for all nodes."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        """Raise msgspec.ValidationError for an invalid template."""
        self._document: dict[str, Any] = template.get("spec") or {}
        self._spec = convert(self._document, PodSpec)
        self._tolerations = _tolerations(self._spec)

    def should_run(self, node: Node) -> tuple[bool, bool]:
        """(whether the node gets a pod, whether a pod may stay on it)."""
        if self._spec.node_name not in {"", node.metadata.name} or not is_node_selected(self._spec, node):
            return False, False
        taints = node.spec.taints
        enters = find_untolerated(taints, self._tolerations, (NO_SCHEDULE, NO_EXECUTE)) is None
        return enters, find_untolerated(taints, self._tolerations, (NO_EXECUTE,)) is None

    def pin_to_node(self, node_name: str) -> dict[str, Any]:
        """Change of the template's spec that bind a pod to one node and let it stay there."""
        field = {"key": "metadata.name", "operator": "In", "values": [node_name]}
        affinity = dict(self._document.get("affinity") or {})
        affinity["nodeAffinity"] = {
            **(affinity.get("nodeAffinity") or {}),
            _REQUIRED: {"nodeSelectorTerms": [{"matchFields": [field]}]},
        }
        return {"affinity": affinity, "tolerations": msgspec.to_builtins(self._tolerations)}


def get_target_node(pod: Pod) -> str:
    """Return the node of a daemon pod, from its affinity if it is not bound yet. "" if it has neither."""
    if pod.spec.node_name or pod.spec.affinity is None or pod.spec.affinity.node_affinity is None:
        return pod.spec.node_name
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms if required else ():
        for field in term.match_fields:
            if field.key == "metadata.name" and len(field.values) == 1:
                return field.values[0]
    return ""


def _tolerations(spec: PodSpec) -> list[Toleration]:
    """Return the template's tolerations and those of every daemon pod, which replace those with a limit."""
    added = [*TOLERATIONS, _HOST_NETWORK] if spec.host_network else list(TOLERATIONS)
    by_identity = {_get_identity(toleration): toleration for toleration in added}
    own = [by_identity.get(_get_identity(toleration), toleration) for toleration in spec.tolerations]
    return [*own, *(toleration for toleration in added if toleration not in own)]


def _get_identity(toleration: Toleration) -> tuple[str, str, str, str]:
    return toleration.key, toleration.operator, toleration.value, toleration.effect
