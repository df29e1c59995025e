"""What /resize may change: CPU and memory of the pod and of its containers.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodResize).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.core.pod.qos_class import compute_qos_class
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import validation as podspec_validation
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_MIRROR: Final = "kubernetes.io/config.mirror"
_RESIZABLE: Final = {"cpu", "memory"}
_PARTS: Final = ("requests", "limits")
_KINDS: Final = ("containers", "initContainers")
_ONLY: Final = "only cpu and memory resources are mutable"


def validate_pod_resize(obj: JsonObject, settings: ServerSettings, old: JsonObject) -> list[FieldError]:
    """Field rules of /resize. obj: the old pod with the requested resources and resize policies."""
    before = old["spec"]
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        return [field.forbidden("[]", "static pods cannot be resized")]
    if (before.get("os") or {}).get("name") == "windows":
        return [field.forbidden("[]", "windows pods cannot be resized")]
    errors = [
        *podspec_validation.validate_pod(obj, settings, old["spec"]),
        *_validate_resized_pod(obj, old),
    ]
    wrong = list(_validate_container_order(obj["spec"], before))
    if wrong:
        return errors + wrong
    return [
        *errors,
        *_validate_removed_resources(obj["spec"], before),
        *_validate_containers(obj["spec"], before),
    ]


def _validate_resized_pod(obj: JsonObject, old: JsonObject) -> Errors:
    status, spec, before = old.get("status") or {}, obj["spec"], old["spec"]
    if (status.get("qosClass") or compute_qos_class(before)) != compute_qos_class(spec):
        shown = (obj.get("status") or {}).get("qosClass", "")
        yield field.invalid("spec", shown, "Pod QOS Class may not change as a result of resizing")
    running = (
        container
        for container in status.get("containerStatuses") or ()
        if (container.get("state") or {}).get("running") is not None
    )
    first = next(running, None)
    if first is not None and first.get("resources") is None:
        yield field.forbidden("spec", "Pod running on node without support for resize")
    own, own_before = spec.get("resources"), before.get("resources")
    if not any((resources or {}).get(part) for resources in (own, own_before) for part in _PARTS):
        return
    if own_before is not None and own is None:
        yield field.forbidden("spec.resources", "pod-level resources cannot be removed")
        return
    if own_before is not None:
        for part in _PARTS:
            if _is_resource_removed(own or {}, own_before, part):
                text = f"pod-level resource {part} cannot be removed"
                yield field.forbidden(f"spec.resources.{part}", text)
    if _restore_sizes(own or {}, own_before or {}) != _drop_empty_parts(own_before or {}):
        yield field.forbidden("spec", f"{_ONLY} at pod-level")


def _validate_container_order(spec: JsonObject, before: JsonObject) -> Errors:
    for kind in _KINDS:
        new, old = spec.get(kind) or (), before.get(kind) or ()
        if len(new) != len(old):
            yield field.forbidden(f"spec.{kind}", f"{kind} may not be added or removed on resize")
            continue
        for (path, container), old_container in zip(enumerate_items(new, f"spec.{kind}"), old, strict=True):
            if container.get("name") != old_container.get("name"):
                text = f"{kind} may not be renamed or reordered on resize"
                yield field.forbidden(f"{path}.name", text)


def _validate_removed_resources(spec: JsonObject, before: JsonObject) -> Errors:
    for kind in reversed(_KINDS):
        for (path, container), old_container in zip(
            enumerate_items(spec.get(kind), f"spec.{kind}"), before.get(kind) or (), strict=True
        ):
            for part in _PARTS:
                if _is_resource_removed(
                    container.get("resources") or {}, old_container.get("resources") or {}, part
                ):
                    yield field.forbidden(f"{path}.resources.{part}", f"resource {part} cannot be removed")


def _is_resource_removed(new: JsonObject, old: JsonObject, part: str) -> bool:
    return not (old.get(part) or {}).keys() <= (new.get(part) or {}).keys()


def _validate_containers(spec: JsonObject, before: JsonObject) -> Errors:
    for container, old_container in zip(
        spec.get("containers") or (), before.get("containers") or (), strict=True
    ):
        if not _is_same_except_sizes(container, old_container):
            yield field.forbidden("spec", _ONLY)
    for (path, container), old_container in zip(
        enumerate_items(spec.get("initContainers"), "spec.initContainers"),
        before.get("initContainers") or (),
        strict=True,
    ):
        if not _is_same_except_sizes(container, old_container):
            text = "only cpu and memory resources for init or sidecar containers are mutable"
            yield field.forbidden(path, text)
        if container == old_container or container.get("restartPolicy") == "Always":
            continue
        for policy in container.get("resizePolicy") or ():
            if policy.get("restartPolicy") == "RestartContainer":
                text = (
                    "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
                )
                yield field.forbidden(path, text)


def _is_same_except_sizes(new: JsonObject, old: JsonObject) -> bool:
    """Whether only CPU and memory differ. As upstream, a container with resource claims always differs."""
    sizes = _restore_sizes(new.get("resources") or {}, old.get("resources") or {})
    fixed = _drop_empty_fields(new) | {"resources": {part: sizes[part] for part in _PARTS if part in sizes}}
    return fixed == _drop_empty_fields(old) | {"resources": _drop_empty_parts(old.get("resources") or {})}


def _restore_sizes(new: JsonObject, old: JsonObject) -> dict[str, Any]:
    """Return the requested resources with the old amounts of CPU and memory."""
    fixed = dict(new)
    for part in _PARTS:
        amounts, had = new.get(part) or {}, old.get(part) or {}
        kept = {name: amount for name, amount in amounts.items() if name not in _RESIZABLE}
        fixed[part] = kept | {name: had[name] for name in _RESIZABLE if name in had}
    return _drop_empty_parts(fixed)


def _drop_empty_parts(resources: Mapping[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in resources.items() if value}


def _drop_empty_fields(container: JsonObject) -> dict[str, Any]:
    return {name: value for name, value in container.items() if value not in (None, [], {})}
