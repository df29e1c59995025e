"""Volumes in containers: mounts and block devices.

Source: upstream pkg/apis/core/validation/validation.go (ValidateVolumeMounts, ValidateVolumeDevices).
"""

from __future__ import annotations

from collections.abc import Mapping

from kprov.kube.apiserver.registry.generic.checks import Errors, check_enum, check_local_path, enumerate_items
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def validate_mounts(container: JsonObject, volumes: Mapping[str, JsonObject], path: str) -> Errors:
    used = {
        volume_device.get("name", ""): volume_device.get("devicePath", "")
        for volume_device in container.get("volumeDevices") or ()
    }
    seen: set[str] = set()
    for where, mount in enumerate_items(container.get("volumeMounts"), path):
        name, place = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield field.required(f"{where}.name")
        if name not in volumes:
            yield field.not_found(f"{where}.name", name)
        if not place:
            yield field.required(f"{where}.mountPath")
        if place in seen:
            yield field.invalid(f"{where}.mountPath", place, "must be unique")
        seen.add(place)
        if name in used:
            yield field.invalid(f"{where}.name", name, "must not already exist in volumeDevices")
        if place in used.values():
            text = "must not already exist as a path in volumeDevices"
            yield field.invalid(f"{where}.mountPath", place, text)
        yield from _validate_sub_path(mount, where, path)
        yield from _validate_propagation(mount, container, path)


def _validate_sub_path(mount: JsonObject, where: str, path: str) -> Errors:
    """Field rules of subPath and subPathExpr. As upstream, the paths of errors have no index."""
    if mount.get("subPath"):
        yield from check_local_path(mount["subPath"], f"{path}.subPath")
    if mount.get("subPathExpr"):
        if mount.get("subPath"):
            text = "subPathExpr and subPath are mutually exclusive"
            yield field.invalid(f"{where}.subPathExpr", mount["subPathExpr"], text)
        yield from check_local_path(mount["subPathExpr"], f"{path}.subPathExpr")


def _validate_propagation(mount: JsonObject, container: JsonObject, path: str) -> Errors:
    mode, where = mount.get("mountPropagation"), f"{path}.mountPropagation"
    yield from check_enum(mode, where, ["Bidirectional", "HostToContainer", "None"])
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        text = "Bidirectional mount propagation is available only to privileged containers"
        yield field.forbidden(where, text)
    recursive, where = mount.get("recursiveReadOnly"), f"{path}.recursiveReadOnly"
    if recursive in {"Enabled", "IfPossible"}:
        if not mount.get("readOnly"):
            yield field.forbidden(where, "may only be specified when readOnly is true")
        if mode not in {None, "None"}:
            text = "may only be specified when mountPropagation is None or not specified"
            yield field.forbidden(where, text)
    else:
        yield from check_enum(recursive, where, ["Disabled", "Enabled", "IfPossible"])


def _validate_block_volume(name: str, volume: JsonObject | None, path: str) -> Errors:
    if volume is None:
        yield field.not_found(f"{path}.name", name)
    elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
        text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield field.invalid(f"{path}.name", name, text)


def validate_devices(container: JsonObject, volumes: Mapping[str, JsonObject], path: str) -> Errors:
    mounted = {
        volume_mount.get("name", ""): volume_mount.get("mountPath", "")
        for volume_mount in container.get("volumeMounts") or ()
    }
    seen_names: set[str] = set()
    seen_paths: set[str] = set()
    for where, device in enumerate_items(container.get("volumeDevices"), path):
        name, place = device.get("name", ""), device.get("devicePath", "")
        if not name:
            yield field.required(f"{where}.name")
        if name in seen_names:
            yield field.invalid(f"{where}.name", name, "must be unique")
        yield from _validate_block_volume(name, volumes.get(name), where)
        if not place:
            yield field.required(f"{where}.devicePath")
        if place in seen_paths:
            yield field.invalid(f"{where}.devicePath", place, "must be unique")
        if ".." in place.split("/"):
            yield field.invalid(f"{where}.devicePath", place, "can not contain backsteps ('..')")
        else:
            seen_paths.add(place)
        if name in mounted:
            yield field.invalid(f"{where}.name", name, "must not already exist in volumeMounts")
        if place in mounted.values():
            text = "must not already exist as a path in volumeMounts"
            yield field.invalid(f"{where}.devicePath", place, text)
        if name:
            seen_names.add(name)
