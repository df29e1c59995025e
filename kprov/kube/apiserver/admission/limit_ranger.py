"""LimitRanger: the LimitRanges of a namespace set defaults and bounds of containers, pods and claims.

Source: upstream plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from kprov.kube.apiserver.admission import limits
from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectStores
from kprov.kube.component_helpers.pod_resources import compute_pod_resources
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_ANNOTATION: Final = "kubernetes.io/limit-ranger"
_KINDS: Final = (("containers", "container"), ("initContainers", "init container"))


class LimitRanger(AdmissionPlugin):
    name = "LimitRanger"
    resources = frozenset({("", "pods"), ("", "persistentvolumeclaims")})

    def __init__(self, ranges: CacheReader) -> None:
        self._ranges = ranges

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "limitranges").lister)

    async def admit(self, attributes: Attributes) -> None:
        if attributes.resource.plural != "pods" or not _is_checked(attributes) or attributes.obj is None:
            return
        for limit_range in self._ranges.list_shared(attributes.namespace):
            _fill_defaults(attributes.obj, limit_range)

    async def validate(self, attributes: Attributes) -> None:
        if not _is_checked(attributes) or attributes.obj is None:
            return
        check = _check_pod if attributes.resource.plural == "pods" else _check_claim
        for limit_range in self._ranges.list_shared(attributes.namespace):
            errors = [
                text
                for item in limit_range["spec"].get("limits") or ()
                for text in check(item, attributes.obj)
            ]
            unique = list(dict.fromkeys(errors))
            if unique:
                raise forbidden_error(attributes, unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]")


def _is_checked(attributes: Attributes) -> bool:
    if ((attributes.old or {}).get("metadata") or {}).get("deletionTimestamp"):
        return False
    if attributes.subresource == "resize":
        return attributes.operation == "UPDATE"
    if attributes.subresource:
        return False
    return attributes.operation == "CREATE" or attributes.resource.plural != "pods"


def _fill_defaults(pod: JsonObject, limit_range: Mapping[str, Any]) -> None:
    """Set the defaults of Container items, and an annotation with their names."""
    defaults: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") == "Container":
            defaults["requests"] |= item.get("defaultRequest") or {}
            defaults["limits"] |= item.get("default") or {}
    told = []
    for part, word in _KINDS:
        for container in pod["spec"].get(part) or ():
            resources = container.setdefault("resources", {})
            for kind in ("requests", "limits"):
                missing = sorted(defaults[kind].keys() - (resources.get(kind) or {}).keys())
                if missing:
                    added = {name: defaults[kind][name] for name in missing}
                    resources[kind] = (resources.get(kind) or {}) | added
                    told.append(f"{', '.join(missing)} {kind[:-1]} for {word} {container['name']}")
    if told:
        annotations = pod["metadata"].get("annotations") or {}
        annotations[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(told)}"
        pod["metadata"]["annotations"] = annotations


def _check_pod(item: JsonObject, pod: JsonObject) -> list[str]:
    kind = item.get("type", "")
    if kind == "Container":
        containers = [pod_container for part, _ in _KINDS for pod_container in pod["spec"].get(part) or ()]
        return [
            text
            for container in containers
            for text in limits.check_limits(kind, item, *_parse_amounts(container.get("resources") or {}))
        ]
    if kind == "Pod":
        return limits.check_limits(kind, item, *_sum_pod(pod["spec"]))
    return []


def _check_claim(item: JsonObject, claim: JsonObject) -> list[str]:
    if item.get("type") != "PersistentVolumeClaim":
        return []
    requests, _ = _parse_amounts(claim["spec"].get("resources") or {})
    return limits.check_requests(item["type"], item, requests)


def _parse_amounts(resources: JsonObject) -> tuple[limits.Amounts, limits.Amounts]:
    requests, most = (
        {name: Quantity.parse(value) for name, value in (resources.get(part) or {}).items()}
        for part in ("requests", "limits")
    )
    return requests, most


def _sum_pod(spec: JsonObject) -> tuple[limits.Amounts, limits.Amounts]:
    """Return the requests and limits of the whole pod, without the overhead of its runtime class."""
    pod = {"spec": {name: value for name, value in spec.items() if name != "overhead"}}
    return compute_pod_resources(pod, "requests"), compute_pod_resources(pod, "limits")
