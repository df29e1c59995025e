"""Small plugins about pods and nodes: Priority, DefaultTolerationSeconds, TaintNodesByCondition."""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery import status

Object = dict[str, Any]
_SECONDS: Final = 300


def is_pod(attributes: Attributes) -> bool:
    """Whether the operation is on a pod itself."""
    return (attributes.resource.group, attributes.resource.plural, attributes.subresource) == ("", "pods", "")


class Priority(AdmissionPlugin):
    """The number that a pod's priorityClassName stands for."""

    name = "Priority"
    resources = frozenset({("", "pods")})

    def __init__(self, registry: Registry) -> None:
        self._classes = registry.store("scheduling.k8s.io", "priorityclasses")

    async def admit(self, attributes: Attributes) -> None:
        if not is_pod(attributes) or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        if attributes.operation == "UPDATE":
            old = (attributes.old or {}).get("spec", {})
            for field in ("priority", "preemptionPolicy"):
                if spec.get(field) is None and old.get(field) is not None:
                    spec[field] = old[field]
            return
        found = await self._class_of(attributes, spec)
        value = found.get("value", 0) if found else 0
        policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
        if spec.get("priority") not in (None, value):
            text = (
                f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
                f"priority admission controller computed {value} from the given PriorityClass name"
            )
            raise status.forbidden(attributes.resource, attributes.name, text)
        spec["priority"] = value
        spec.setdefault("preemptionPolicy", policy)

    async def _class_of(self, attributes: Attributes, spec: Object) -> Object | None:
        name = spec.get("priorityClassName", "")
        if name:
            found = self._classes.lister.get("", name)
            if found is None:
                await self._classes.fresh()
                found = self._classes.lister.get("", name)
            if found is None:
                text = f"no PriorityClass with name {name} was found"
                raise status.forbidden(attributes.resource, attributes.name, text)
            return found
        defaults = [found for found in self._classes.lister.list() if found.get("globalDefault")]
        if not defaults:
            return None
        default = min(defaults, key=lambda found: found["value"])
        spec["priorityClassName"] = default["metadata"]["name"]
        return default


class DefaultTolerationSeconds(AdmissionPlugin):
    """Pods stay for five minutes on a node that is not ready or not reachable, unless they say otherwise."""

    name = "DefaultTolerationSeconds"
    resources = frozenset({("", "pods")})

    def __init__(self, registry: Registry) -> None:
        del registry

    async def admit(self, attributes: Attributes) -> None:
        if not is_pod(attributes) or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        tolerations = list(spec.get("tolerations") or ())
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
            if not any(_speaks_of(toleration, key) for toleration in tolerations):
                tolerations.append(
                    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
                )
        spec["tolerations"] = tolerations


def _speaks_of(toleration: Object, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")


class TaintNodesByCondition(AdmissionPlugin):
    """A new node takes no pods before it is known to be ready."""

    name = "TaintNodesByCondition"
    operations = frozenset({"CREATE"})
    resources = frozenset({("", "nodes")})

    def __init__(self, registry: Registry) -> None:
        del registry

    async def admit(self, attributes: Attributes) -> None:
        if (attributes.resource.group, attributes.resource.plural, attributes.subresource) != (
            "",
            "nodes",
            "",
        ):
            return
        if attributes.obj is None:
            return
        spec = attributes.obj.setdefault("spec", {})
        taints = list(spec.get("taints") or ())
        taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
        if not any(t.get("key") == taint["key"] and t.get("effect") == taint["effect"] for t in taints):
            spec["taints"] = [*taints, taint]
