"""Volume attachments.

Source: upstream pkg/registry/storage/volumeattachment/strategy.go, pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.core.persistent_volume.validation import validate_volume_spec
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    METADATA_AND_SPEC_PATHS,
    ResourceStrategy,
)
from kprov.kube.apiserver.registry.podspec.volumes import check_csi_driver_name
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path

_METADATA_BYTES, _MESSAGE_MAX = 256 * 1024, 1024
_ONE_SOURCE: Final = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


class VolumeAttachmentStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}
    any_finalizer_updates = frozenset({"status"})
    returns_deleted = True
    allow_unconditional_update = False
    fixed_in_status_update = ALL_METADATA
    new_status: Mapping[str, Any] | None = {"attached": False}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_volume_attachment(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_volume_attachment_update(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_attachment_status(obj))


def validate_volume_attachment(obj: JsonObject) -> Errors:
    spec = obj["spec"]
    source = spec.get("source") or {}
    yield from check_csi_driver_name(spec.get("attacher", ""), "spec.attacher")
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if name is None and inline is None:
        yield field.required("spec.source", _ONE_SOURCE)
    elif name is not None and inline is not None:
        yield field.forbidden("spec.source", _ONE_SOURCE)
    elif name == "":
        text = "must specify non empty persistentVolumeName"
        yield field.required("spec.source.persistentVolumeName", text)
    elif inline is not None:
        yield from validate_volume_spec(inline, "spec.source.inlineVolumeSpec", inline=True)
    yield from checks.check_value(spec.get("nodeName", ""), "spec.nodeName", names.is_dns1123_subdomain)
    if name is not None:
        yield from checks.check_value(name, "spec.source.persistentVolumeName", names.is_dns1123_subdomain)


def validate_attachment_status(obj: JsonObject) -> Errors:
    status = obj.get("status") or {}
    metadata = status.get("attachmentMetadata") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > _METADATA_BYTES:
        yield field.too_long("status.attachmentMetadata", _METADATA_BYTES)
    for part in ("attachError", "detachError"):
        error = status.get(part) or {}
        if len(error.get("message", "").encode()) > _MESSAGE_MAX:
            # As upstream, the text shows the other limit.
            yield field.too_long(f"status.{part}.message", _METADATA_BYTES)
        code = error.get("errorCode")
        yield from checks.check_range(code, f"status.{part}.errorCode", 0, checks.INT32_MAX)


def validate_volume_attachment_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from validate_volume_attachment(obj)
    yield from checks.check_immutable(obj, old, "", "spec")
