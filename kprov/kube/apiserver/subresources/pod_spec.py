"""pods/ephemeralcontainers and pods/resize: change parts of a running pod's spec.

Source: upstream pkg/registry/core/pod/strategy.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import copy
from typing import Final

from kprov.kube.apiserver.registry.core.pod import resize as pod_resize
from kprov.kube.apiserver.registry.core.pod.strategy import PodStrategy
from kprov.kube.apiserver.registry.generic.resource_strategy import keep_field
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import validation as podspec_validation
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_difference import describe_difference
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find

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
_POD: Final = ("", "v1", "Pod")
_RESIZED: Final = ("resources", "resizePolicy")
_KINDS: Final = ("containers", "initContainers")


class PodPartHandler:
    """Handles GET, PUT and PATCH of a pod; writes one part of it."""

    def __init__(self, strategy: type[PodStrategy], settings: ServerSettings) -> None:
        resource = find("", "v1", "pods")
        assert resource is not None
        self._strategy = strategy(resource, settings)

    async def handle(self, call: Call) -> Reply:
        store = call.registry.store("", "pods")
        if call.context.info.verb == "get":
            return Reply(await store.get(call.context, call.namespace, call.name))
        wanted = await call.read_change()
        pod, _ = await store.update(
            call.context,
            call.namespace,
            call.name,
            lambda old: wanted(old or {}),
            subresource=call.context.info.subresource,
            strategy=self._strategy,
        )
        return Reply(pod)


class EphemeralContainersStrategy(PodStrategy):
    """Allows only to add ephemeral containers."""

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        added = (obj.get("spec") or {}).get("ephemeralContainers")
        _restore(obj, old)
        if added:
            obj["spec"]["ephemeralContainers"] = added
        else:
            obj["spec"].pop("ephemeralContainers", None)
        _raise_generation(obj, old)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        if _MIRROR in (old["metadata"].get("annotations") or {}):
            return [field.forbidden("[]", "static pods do not support ephemeral containers")]
        path = "spec.ephemeralContainers"
        errors = [
            *podspec_validation.validate_pod(obj, self.settings),
            *pod_annotations.validate_unchanged_annotations(obj, old),
        ]
        new = {container.get("name"): container for container in obj["spec"].get("ephemeralContainers") or ()}
        for container in old["spec"].get("ephemeralContainers") or ():
            name = container["name"]
            if new.get(name) != container:
                done = "changed" if name in new else "removed"
                text = f'existing ephemeral containers "{name}" may not be {done}\n'
                if name in new:
                    text += describe_difference(container, new[name])
                errors.append(field.forbidden(path, text))
        return errors

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return []


class ResizeStrategy(PodStrategy):
    """Allows only changes of CPU, memory and resize policy of containers."""

    missing_effect = "keeps its resources until its containers start again"

    def find_missing_feature(self, obj: JsonObject) -> str:
        return "in-place resize" if obj["spec"].get("nodeName") else ""

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        spec: JsonObject = obj.get("spec") or {}
        if any(len(spec.get(kind) or ()) != len(old["spec"].get(kind) or ()) for kind in _KINDS):
            return  # validation rejects it
        wanted = {kind: _resize_all(old["spec"].get(kind) or [], spec.get(kind) or []) for kind in _KINDS}
        resources = spec.get("resources")
        _restore(obj, old)
        for kind, containers in wanted.items():
            if containers:
                obj["spec"][kind] = containers
        if resources is not None:
            obj["spec"]["resources"] = resources
        else:
            obj["spec"].pop("resources", None)
        _raise_generation(obj, old)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return pod_resize.validate_pod_resize(obj, self.settings, old)

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return []


def _resize_all(before: list[JsonObject], new: list[JsonObject]) -> list[JsonObject]:
    """Return the old containers with the new resources. Validation rejects renamed and reordered ones."""
    if [container.get("name") for container in new] != [container["name"] for container in before]:
        return new
    return [_resize(old_container, container) for old_container, container in zip(before, new, strict=True)]


def _resize(before: JsonObject, new: JsonObject) -> JsonObject:
    merged = copy.deepcopy(before)
    for name in _RESIZED:
        keep_field(merged, new, name)
    return merged


def _restore(obj: JsonObject, old: JsonObject) -> None:
    obj["spec"] = copy.deepcopy(old["spec"])
    keep_field(obj, old, "status")
    for name in _METADATA:
        keep_field(obj["metadata"], old["metadata"], name)


def _raise_generation(obj: JsonObject, old: JsonObject) -> None:
    if obj["spec"] != old["spec"]:
        obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1
