"""Plugins for pods and nodes: Priority, DefaultTolerationSeconds, TaintNodesByCondition."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final, Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, WantsOptions, forbidden_error
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.machinery.json_object import JsonObject

_SECONDS: Final = 300
#: Taints that pods tolerate for some time, and the flags with the seconds.
_NODE_TAINTS: Final = {
    "node.kubernetes.io/not-ready": "default_not_ready_toleration_seconds",
    "node.kubernetes.io/unreachable": "default_unreachable_toleration_seconds",
}


def is_pod(attributes: Attributes) -> bool:
    """Whether the operation is on a pod and not on a subresource."""
    return (attributes.resource.group, attributes.resource.plural, attributes.subresource) == ("", "pods", "")


class Priority(AdmissionPlugin):
    """Sets the priority and the preemption policy of a pod's class."""

    name = "Priority"
    resources = frozenset({("", "pods"), ("scheduling.k8s.io", "priorityclasses")})

    def __init__(self, classes: ObjectReader) -> None:
        self._classes = classes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("scheduling.k8s.io", "priorityclasses"))

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
        priority_class = await self._find_class(attributes, spec)
        value = priority_class.get("value", 0) if priority_class else 0
        policy = (priority_class or {}).get("preemptionPolicy") or "PreemptLowerPriority"
        if spec.get("priority") not in (None, value):
            text = (
                f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
                f"priority admission controller computed {value} from the given PriorityClass name"
            )
            raise forbidden_error(attributes, text)
        spec["priority"] = value
        if spec.get("preemptionPolicy") not in (None, policy):
            text = (
                f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in "
                f"pod spec; priority admission controller computed {policy} from the given PriorityClass name"
            )
            raise forbidden_error(attributes, text)
        spec["preemptionPolicy"] = policy

    async def validate(self, attributes: Attributes) -> None:
        """Reject a second default class."""
        obj = attributes.obj
        if attributes.resource.plural != "priorityclasses" or attributes.subresource or obj is None:
            return
        default = self._find_default() if obj.get("globalDefault") else None
        if default is None:
            return
        name = default["metadata"]["name"]
        if attributes.operation == "CREATE" or name != obj["metadata"]["name"]:
            text = f"PriorityClass {name} is already marked as default. Only one default can exist"
            raise forbidden_error(attributes, text)

    def _find_default(self) -> Mapping[str, Any] | None:
        defaults = [
            priority_class
            for priority_class in self._classes.lister.list_shared()
            if priority_class.get("globalDefault")
        ]
        return min(defaults, key=lambda priority_class: priority_class["value"], default=None)

    async def _find_class(self, attributes: Attributes, spec: JsonObject) -> Mapping[str, Any] | None:
        name = spec.get("priorityClassName", "")
        if name:
            shared = self._classes.lister.get_shared("", name)
            if shared is None:
                await self._classes.catch_up()
                shared = self._classes.lister.get_shared("", name)
            if shared is None:
                text = f"no PriorityClass with name {name} was found"
                raise forbidden_error(attributes, text)
            return shared
        default = self._find_default()
        if default is None:
            return None
        spec["priorityClassName"] = default["metadata"]["name"]
        return default


class DefaultTolerationSeconds(WantsOptions):
    """Adds tolerations of five minutes for nodes that are not ready or unreachable."""

    name = "DefaultTolerationSeconds"
    resources = frozenset({("", "pods")})

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(_NODE_TAINTS, _SECONDS)

    def read_options(self, options: Namespace) -> None:
        for key, flag in _NODE_TAINTS.items():
            self._seconds[key] = getattr(options, flag, _SECONDS)

    async def admit(self, attributes: Attributes) -> None:
        if not is_pod(attributes) or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        tolerations = list(spec.get("tolerations") or ())
        for key, seconds in self._seconds.items():
            if not any(_tolerates_key(toleration, key) for toleration in tolerations):
                tolerations.append(
                    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
                )
        spec["tolerations"] = tolerations


def _tolerates_key(toleration: JsonObject, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")


class TaintNodesByCondition(AdmissionPlugin):
    """Adds the not-ready taint to new nodes."""

    name = "TaintNodesByCondition"
    operations = frozenset({"CREATE"})
    resources = frozenset({("", "nodes")})

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
