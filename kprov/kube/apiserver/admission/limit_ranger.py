"""LimitRanger: a namespace's LimitRanges give containers defaults and bounds.

Source: upstream plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.admission.pods import is_pod
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery import status
from kprov.kube.machinery.quantity import Quantity

Object = dict[str, Any]


class LimitRanger(AdmissionPlugin):
    name = "LimitRanger"
    resources = frozenset({("", "pods")})

    def __init__(self, registry: Registry) -> None:
        self._ranges = registry.store("", "limitranges").lister

    async def admit(self, attributes: Attributes) -> None:
        if not is_pod(attributes) or attributes.operation != "CREATE" or attributes.obj is None:
            return
        for limit_range in self._ranges.list(attributes.namespace):
            for item in limit_range["spec"].get("limits") or ():
                if item.get("type") == "Container":
                    _fill_in(attributes.obj["spec"], item)

    async def validate(self, attributes: Attributes) -> None:
        if not is_pod(attributes) or attributes.operation != "CREATE" or attributes.obj is None:
            return
        errors: list[str] = []
        for limit_range in self._ranges.list(attributes.namespace):
            for item in limit_range["spec"].get("limits") or ():
                if item.get("type") == "Container":
                    for container in _containers(attributes.obj["spec"]):
                        errors += _broken(item, container.get("resources") or {}, "Container")
                elif item.get("type") == "Pod":
                    errors += _broken(item, _sum(attributes.obj["spec"]), "Pod")
        if errors:
            text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
            raise status.forbidden(attributes.resource, attributes.name, text)


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _fill_in(spec: Object, item: Object) -> None:
    for container in _containers(spec):
        resources = container.setdefault("resources", {})
        for part, defaults in (("limits", item.get("default")), ("requests", item.get("defaultRequest"))):
            for name, value in (defaults or {}).items():
                resources.setdefault(part, {}).setdefault(name, value)


def _sum(spec: Object) -> Object:
    """A pod's requests and limits: the sum of its containers'."""
    total: dict[str, dict[str, Quantity]] = {"limits": {}, "requests": {}}
    for container in spec.get("containers") or ():
        for part, sums in total.items():
            for name, value in ((container.get("resources") or {}).get(part) or {}).items():
                amount = Quantity.parse(value)
                sums[name] = sums[name] + amount if name in sums else amount
    return {part: {name: str(amount) for name, amount in sums.items()} for part, sums in total.items()}


def _broken(item: Object, resources: Object, kind: str) -> list[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    errors = []
    for name, least in (item.get("min") or {}).items():
        for part, values in (("request", requests), ("limit", limits)):
            if name not in values and part == "request":
                errors.append(f"minimum {name} usage per {kind} is {least}.  No request is specified")
            elif name in values and Quantity.parse(values[name]) < Quantity.parse(least):
                errors.append(f"minimum {name} usage per {kind} is {least}, but {part} is {values[name]}")
    for name, most in (item.get("max") or {}).items():
        if name not in limits:
            errors.append(f"maximum {name} usage per {kind} is {most}.  No limit is specified")
        for part, values in (("limit", limits), ("request", requests)):
            if name in values and Quantity.parse(most) < Quantity.parse(values[name]):
                errors.append(f"maximum {name} usage per {kind} is {most}, but {part} is {values[name]}")
    return errors
