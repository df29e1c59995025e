"""pods/ephemeralcontainers and pods/resize: the two parts of a running pod's spec that may still change.

Source: upstream pkg/registry/core/pod/strategy.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from kprov.kube.apiserver.interfaces import Call, Reply
from kprov.kube.apiserver.registry.strategies.generic import keep
from kprov.kube.apiserver.registry.strategies.pod_qos import qos_class
from kprov.kube.apiserver.registry.strategies.pods import PodStrategy
from kprov.kube.apiserver.registry.subresources import change
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.resources import find

Object = dict[str, Any]

_MIRROR: Final = "kubernetes.io/config.mirror"
_METADATA: Final = (
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "labels",
    "annotations",
    "generation",
)
_RESIZED: Final = ("resources", "resizePolicy")
_KINDS: Final = ("containers", "initContainers")


class PartOfPod:
    """GET, PUT and PATCH of a pod of which one part is written."""

    def __init__(self, strategy: type[PodStrategy]) -> None:
        resource = find("", "v1", "pods")
        assert resource is not None
        self._strategy = strategy(resource)

    async def handle(self, call: Call) -> Reply:
        store = call.registry.store("", "pods")
        if call.context.info.verb == "get":
            return Reply(await store.get(call.context, call.namespace, call.name))
        wanted = await change.asked(call)
        pod, _ = await store.update(
            call.context,
            call.namespace,
            call.name,
            lambda old: wanted(old or {}),
            subresource=call.context.info.subresource,
            strategy=self._strategy,
        )
        return Reply(pod)


class EphemeralContainers(PodStrategy):
    """Only spec.ephemeralContainers, and there only more of them."""

    def prepare_for_update(self, context: RequestContext, obj: Object, old: Object) -> None:
        added = (obj.get("spec") or {}).get("ephemeralContainers")
        _restore(obj, old)
        if added:
            obj["spec"]["ephemeralContainers"] = added
        else:
            obj["spec"].pop("ephemeralContainers", None)
        _raise_generation(obj, old)

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        if _MIRROR in (old["metadata"].get("annotations") or {}):
            return [field.forbidden("", "static pods do not support ephemeral containers")]
        path = "spec.ephemeralContainers"
        containers = obj["spec"].get("ephemeralContainers") or []
        errors = _names(obj["spec"], containers, path)
        new = {container.get("name"): container for container in containers}
        for container in old["spec"].get("ephemeralContainers") or ():
            name = container["name"]
            if name not in new:
                text = f'existing ephemeral containers "{name}" may not be removed\n'
                errors.append(field.forbidden(path, text))
            elif new[name] != container:
                text = f'existing ephemeral containers "{name}" may not be changed\n'
                errors.append(field.forbidden(path, text))
        return errors


def _names(spec: Object, containers: list[Object], path: str) -> list[FieldError]:
    """A name and an image for each, no name twice in the pod, targets that are there."""
    errors = []
    others = {each["name"] for kind in _KINDS for each in spec.get(kind) or ()}
    taken = set(others)
    for index, container in enumerate(containers):
        here = f"{path}[{index}]"
        name = container.get("name")
        if not name:
            errors.append(field.required(f"{here}.name"))
        elif name in taken:
            errors.append(field.duplicate(f"{here}.name", name))
        taken.add(name)
        if not container.get("image"):
            errors.append(field.required(f"{here}.image"))
        target = container.get("targetContainerName")
        if target and target not in others:
            errors.append(field.not_found(f"{here}.targetContainerName", target))
        errors += [
            field.forbidden(f"{here}.{name}", "cannot be set for an Ephemeral Container")
            for name in ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
            if container.get(name)
        ]
        if any((container.get("resources") or {}).get(part) for part in ("limits", "requests")):
            text = "cannot be set for an Ephemeral Container"
            errors.append(field.forbidden(f"{here}.resources", text))
    return errors


class Resize(PodStrategy):
    """Only CPU and memory of containers and their resize policy."""

    def prepare_for_update(self, context: RequestContext, obj: Object, old: Object) -> None:
        wanted: dict[str, list[Object]] = {}
        for kind in _KINDS:
            new, before = (list((each.get("spec") or {}).get(kind) or ()) for each in (obj, old))
            if [each.get("name") for each in new] != [each["name"] for each in before]:
                return  # added, removed, renamed or moved containers: validation refuses them
            wanted[kind] = [_resized(one, other) for one, other in zip(before, new, strict=True)]
        resources = (obj.get("spec") or {}).get("resources")
        _restore(obj, old)
        for kind, containers in wanted.items():
            if containers:
                obj["spec"][kind] = containers
        if resources is not None:
            obj["spec"]["resources"] = resources
        _raise_generation(obj, old)

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        if _MIRROR in (old["metadata"].get("annotations") or {}):
            return [field.forbidden("", "static pods cannot be resized")]
        errors: list[FieldError] = []
        for kind in _KINDS:
            new, before = obj["spec"].get(kind) or [], old["spec"].get(kind) or []
            if [each.get("name") for each in new] != [each["name"] for each in before]:
                text = "containers may not be added, removed, renamed or reordered on resize"
                return [*errors, field.forbidden(f"spec.{kind}", text)]
            for index, (one, other) in enumerate(zip(new, before, strict=True)):
                errors += _resize_errors(one, other, f"spec.{kind}[{index}].resources")
        if qos_class(obj["spec"]) != qos_class(old["spec"]):
            text = "Pod QOS Class may not change as a result of resizing"
            errors.append(field.invalid("spec", qos_class(obj["spec"]), text))
        return errors


def _resized(before: Object, new: Object) -> Object:
    merged = copy.deepcopy(before)
    for name in _RESIZED:
        keep(merged, new, name)
    return merged


def _resize_errors(new: Object, old: Object, path: str) -> list[FieldError]:
    errors = []
    for part in ("requests", "limits"):
        after = (new.get("resources") or {}).get(part) or {}
        before = (old.get("resources") or {}).get(part) or {}
        if set(before) - set(after):
            errors.append(field.forbidden(f"{path}.{part}", f"resource {part} cannot be removed"))
        changed = {name for name in after.keys() | before.keys() if after.get(name) != before.get(name)}
        if changed - {"cpu", "memory"}:
            errors.append(field.forbidden("spec", "only cpu and memory resources are mutable"))
    return errors


def _restore(obj: Object, old: Object) -> None:
    obj["spec"] = copy.deepcopy(old["spec"])
    keep(obj, old, "status")
    for name in _METADATA:
        keep(obj["metadata"], old["metadata"], name)


def _raise_generation(obj: Object, old: Object) -> None:
    if obj["spec"] != old["spec"]:
        obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1
