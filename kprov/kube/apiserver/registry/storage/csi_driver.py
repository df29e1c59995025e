"""CSI drivers.

Source: upstream pkg/registry/storage/csidriver/strategy.go, pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_FS_GROUP: Final = ["File", "None", "ReadWriteOnceWithFSType"]


class CsiDriverStrategy(ResourceStrategy):
    returns_deleted = True
    allow_unconditional_update = False

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        for name, value in (
            ("attachRequired", True),
            ("podInfoOnMount", False),
            ("storageCapacity", False),
            ("fsGroupPolicy", "ReadWriteOnceWithFSType"),
            ("requiresRepublish", False),
            ("seLinuxMount", False),
        ):
            if spec.get(name) is None:
                spec[name] = value
        if not spec.get("volumeLifecycleModes"):
            spec["volumeLifecycleModes"] = ["Persistent"]

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        spec, before = obj["spec"], (old or {"spec": {}})["spec"]
        if (before.get("tokenRequests") or []) == (spec.get("tokenRequests") or []):
            return []
        if not spec.get("tokenRequests") or spec.get("serviceAccountTokenInSecrets") is not None:
            return []
        text = (
            "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to "
            "prevent possible logging of tokens in volume attributes"
        )
        return [text]

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Raise the generation at each change. As upstream, a new object has none."""
        super().prepare_for_update(context, obj, old)
        if self.raises_generation(obj, old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_csi_driver(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_csi_driver_update(obj, old))


def validate_csi_driver(obj: JsonObject) -> Errors:
    spec = obj["spec"]
    yield from checks.check_enum(spec.get("fsGroupPolicy"), "spec.fsGroupPolicy", _FS_GROUP)
    seen: set[str] = set()
    for where, request in enumerate_items(spec.get("tokenRequests"), "spec.tokenRequests"):
        audience, seconds = request.get("audience") or "", request.get("expirationSeconds")
        if audience in seen:
            yield field.duplicate(f"{where}.audience", audience)
            continue
        seen.add(audience)
        if seconds is not None and seconds < 600:
            text = "may not specify a duration less than 10 minutes"
            yield field.invalid(f"{where}.expirationSeconds", seconds, text)
        if seconds is not None and seconds > 1 << 32:
            text = "may not specify a duration larger than 2^32 seconds"
            yield field.invalid(f"{where}.expirationSeconds", seconds, text)
    for mode in spec.get("volumeLifecycleModes") or ():
        yield from checks.check_enum(mode, "spec.volumeLifecycleModes", ["Persistent", "Ephemeral"])
    period = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < 10:
        text = "must be greater than or equal to 10 seconds"
        yield field.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, text)
    in_secrets = spec.get("serviceAccountTokenInSecrets")
    if in_secrets is not None and not spec.get("tokenRequests"):
        text = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        yield field.invalid("spec.serviceAccountTokenInSecrets", in_secrets, text)


def validate_csi_driver_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from validate_csi_driver(obj)
    spec, before = obj["spec"], old["spec"]
    if spec.get("attachRequired") != before.get("attachRequired"):
        yield field.invalid("spec.attachedRequired", spec.get("attachRequired"), checks.IMMUTABLE)
    yield from checks.check_immutable(spec, before, "spec", "volumeLifecycleModes")
