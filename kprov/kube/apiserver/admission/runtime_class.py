"""RuntimeClass: sets the overhead and the scheduling of its runtime class in a pod.

Source: upstream plugin/pkg/admission/runtimeclass/admission.go, pkg/util/tolerations.
"""

from __future__ import annotations

from typing import Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity


class RuntimeClass(AdmissionPlugin):
    name = "RuntimeClass"
    operations = frozenset({"CREATE"})
    resources = frozenset({("", "pods")})

    def __init__(self, classes: ObjectReader) -> None:
        self._classes = classes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("node.k8s.io", "runtimeclasses"))

    async def admit(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None:
            return
        runtime_class = await self._find_class(attributes, attributes.obj["spec"])
        if runtime_class is None:
            return
        spec = attributes.obj["spec"]
        overhead = (runtime_class.get("overhead") or {}).get("podFixed")
        if runtime_class.get("overhead") is not None:
            if spec.get("overhead") and not _are_equal(spec["overhead"], overhead or {}):
                raise _overhead_error(attributes)
            if overhead:
                spec["overhead"] = overhead
        _apply_scheduling(attributes, spec, runtime_class.get("scheduling") or {})

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        runtime_class = await self._find_class(attributes, spec)
        if runtime_class is not None and runtime_class.get("overhead") is not None:
            if not _are_equal(spec.get("overhead") or {}, runtime_class["overhead"].get("podFixed") or {}):
                raise _overhead_error(attributes)
        elif spec.get("overhead") is not None:
            text = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise forbidden_error(attributes, text)

    async def _find_class(self, attributes: Attributes, spec: JsonObject) -> JsonObject | None:
        name = spec.get("runtimeClassName")
        if name is None:
            return None
        runtime_class = self._classes.lister.get("", name)
        if runtime_class is None:
            await self._classes.catch_up()
            runtime_class = self._classes.lister.get("", name)
        if runtime_class is None:
            raise forbidden_error(attributes, f'pod rejected: RuntimeClass "{name}" not found')
        return runtime_class


def _overhead_error(attributes: Attributes) -> Exception:
    text = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    return forbidden_error(attributes, text)


def _are_equal(amounts: JsonObject, other_amounts: JsonObject) -> bool:
    return amounts.keys() == other_amounts.keys() and all(
        Quantity.parse(amounts[name]).nanos == Quantity.parse(other_amounts[name]).nanos for name in amounts
    )


def _apply_scheduling(attributes: Attributes, spec: JsonObject, scheduling: JsonObject) -> None:
    selector = spec.get("nodeSelector") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            text = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {selector[key]}"
            )
            raise forbidden_error(attributes, text)
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    tolerations = spec.get("tolerations") or []
    for toleration in scheduling.get("tolerations") or ():
        if toleration not in tolerations:
            tolerations = [*tolerations, toleration]
    if tolerations:
        spec["tolerations"] = tolerations
