"""Persistent volumes.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolumeSpec).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.apiserver.registry.podspec import scheduling
from kprov.kube.apiserver.registry.podspec import volumes as sources
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import VOLUME_MODES, validate_access_modes
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_difference import describe_difference
from kprov.kube.machinery.json_object import JsonObject

_RECLAIM: Final = ["Delete", "Recycle", "Retain"]
_CSI_SECRETS: Final = (
    *(
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ),
)
_POLICY: Final = "persistentVolumeReclaimPolicy"
_CLASS: Final = "volumeAttributesClassName"
_INLINE: Final = "in the context of inline volumes"

_REPLACED: Final = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
_OPTIONS: Final = "volume.beta.kubernetes.io/mount-options"
_MOUNTED: Final = {
    *("gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder"),
    *("cephfs", "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk"),
}


def validate_persistent_volume(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    yield from _validate_whole_volume(obj, old)
    yield from _validate_mount_options(obj)


def _validate_mount_options(obj: JsonObject) -> Errors:
    """Refuse the annotation of mount options for volume types that do not support them."""
    if _OPTIONS in (obj["metadata"].get("annotations") or {}) and not _MOUNTED & obj["spec"].keys():
        text = "may not specify mount options for this volume type"
        yield field.forbidden(f"metadata.annotations.{_OPTIONS}", text)


def _validate_whole_volume(obj: JsonObject, old: JsonObject | None) -> Errors:
    near = ((old or {}).get("spec") or {}).get("nodeAffinity") or {}
    any_values = scheduling.has_wrong_values(near.get("required"))
    yield from validate_volume_spec(
        obj["spec"], "spec", obj["metadata"].get("name", ""), any_values=any_values
    )


def validate_volume_spec(
    spec: JsonObject, path: str, name: str = "", *, inline: bool = False, any_values: bool = False
) -> Errors:
    """Field rules of a volume's spec. name: of the volume. inline: the spec is part of a VolumeAttachment.

    any_values: the values of the node selector are not checked.
    """
    if inline:
        yield from _validate_inline(spec, path)
    yield from validate_access_modes(spec, path)
    policy, mode = spec.get(_POLICY) or "", spec.get("volumeMode")
    if inline:
        yield from _check_allowed_value(policy or None, f"{path}.{_POLICY}", "may only be Retain", "Retain")
        if spec.get("nodeAffinity") is not None:
            yield field.forbidden(f"{path}.nodeAffinity", f"may not be specified {_INLINE}")
    else:
        yield from _validate_capacity(spec.get("capacity"))
        yield from checks.check_enum(policy or None, f"{path}.{_POLICY}", _RECLAIM)
        yield from _validate_node_affinity(
            spec.get("nodeAffinity"), f"{path}.nodeAffinity", any_values=any_values
        )
    yield from _validate_sources(spec, path, name)
    root = set((spec.get("hostPath") or {}).get("path") or "-") == {"/"}
    if root and policy == "Recycle":
        yield field.forbidden(f"{path}.{_POLICY}", "may not be 'recycle' for a hostPath mount of '/'")
    yield from checks.check_optional_field(spec, path, "storageClassName", names.is_dns1123_subdomain)
    if inline:
        only = "may not specify volumeMode other than Filesystem"
        yield from _check_allowed_value(mode, f"{path}.volumeMode", only, "Filesystem")
        # A spec inside an attachment has no volumeAttributesClassName.
        return
    yield from checks.check_enum(mode, f"{path}.volumeMode", VOLUME_MODES)
    if spec.get(_CLASS) is not None:
        if not spec[_CLASS]:
            yield field.required(f"{path}.{_CLASS}", "an empty string is disallowed")
        yield from checks.check_optional_field(spec, path, _CLASS, names.is_dns1123_subdomain)
        if spec.get("csi") is None:
            yield field.required(f"{path}.csi", "has to be specified when using volumeAttributesClassName")


def _validate_inline(spec: JsonObject, path: str) -> Errors:
    for part in ("claimRef", "capacity"):
        if spec.get(part) if part == "capacity" else spec.get(part) is not None:
            yield field.forbidden(f"{path}.{part}", f"may not be specified {_INLINE}")
    if spec.get("csi") is None:
        yield field.required(f"{path}.csi", f"has to be specified {_INLINE}")


def _check_allowed_value(value: str | None, path: str, text: str, allowed: str) -> Errors:
    if value is not None and value != allowed:
        yield field.forbidden(path, f"{text} {_INLINE}")


def _validate_node_affinity(affinity: JsonObject | None, path: str, *, any_values: bool) -> Errors:
    if affinity is None:
        return
    if affinity.get("required") is None:
        yield field.required(f"{path}.required", "must specify required node constraints")
    else:
        yield from scheduling.validate_node_selector(
            affinity["required"], f"{path}.required", any_values=any_values
        )


def _validate_capacity(value: JsonObject | None) -> Errors:
    capacity = value or {}
    if not capacity:
        yield field.required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield field.not_supported("spec.capacity", value, ["storage"])
    for name, amount in capacity.items():
        if parse_nanos(amount) < 0:
            whole = -(-parse_nanos(amount) // 10**9)
            yield field.invalid(f"spec.capacity[{name}]", whole, "must be a valid resource quantity")
        if parse_nanos(amount) <= 0:
            yield field.invalid(f"spec.capacity[{name}]", amount, "must be greater than zero")


def _validate_sources(spec: JsonObject, path: str, volume: str) -> Errors:
    count = 0
    for kind, check in _SOURCES.items():
        source = spec.get(kind)
        if source is None:
            continue
        count += 1
        if count > 1 and kind != "flexVolume":
            shown = "cephFS" if kind == "cephfs" else kind
            yield field.forbidden(f"{path}.{shown}", "may not specify more than 1 volume type")
            continue
        shown = "persistentDisk" if kind == "gcePersistentDisk" else kind
        yield from check(source, f"{path}.{shown}")
        if kind == "iscsi" and source.get("initiatorName") is not None:
            target = source.get("targetPortal", "")
            if len(f"{volume}:{target}") > 64:
                yield field.invalid(f"{path}.iscsi.targetportal", target, sources.TOO_LONG_TARGET)
        if kind == "local" and spec.get("nodeAffinity") is None:
            yield field.required(f"{path}.nodeAffinity", "Local volume requires node affinity")
    if not count:
        yield field.required(path, "must specify a volume type")


def _validate_azure_file(source: JsonObject, path: str) -> Errors:
    yield from checks.require_fields(source, path, "secretName", "shareName")
    if source.get("secretNamespace") == "":
        yield field.required(f"{path}.secretNamespace")


def _validate_cinder(source: JsonObject, path: str) -> Errors:
    yield from checks.require_fields(source, path, "volumeID")
    if source.get("secretRef") is not None:
        yield from checks.require_fields(source["secretRef"], f"{path}.secretRef", "name", "namespace")


def _validate_glusterfs(source: JsonObject, path: str) -> Errors:
    yield from checks.require_fields(source, path, "endpoints", "path")
    namespace, where = source.get("endpointsNamespace"), f"{path}.endpointsNamespace"
    if namespace == "":
        text = "if the endpointnamespace is set, it must be a valid namespace name"
        yield field.invalid(where, namespace, text)
    elif namespace is not None:
        yield from checks.check_value(namespace, where, names.is_dns1123_label)


def _validate_iscsi(source: JsonObject, path: str) -> Errors:
    yield from checks.require_fields(source, path, "targetPortal", "iqn")
    if source.get("iqn"):
        yield from sources.check_iscsi_name(source["iqn"], f"{path}.iqn", "must be valid format")
    yield from checks.check_range(source.get("lun", 0), f"{path}.lun", 0, 255)
    secret = source.get("secretRef")
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and secret is None:
        yield field.required(f"{path}.secretRef")
    if secret is not None:
        yield from checks.require_fields(secret, f"{path}.secretRef", "name")
    if source.get("initiatorName") is not None:
        yield from sources.check_iscsi_name(
            source["initiatorName"], f"{path}.initiatorname", "must be valid format"
        )


def _validate_local(source: JsonObject, path: str) -> Errors:
    yield from checks.require_fields(source, path, "path")
    yield from checks.check_no_backsteps(source.get("path", ""), f"{path}.path")


def _validate_storage_os(source: JsonObject, path: str) -> Errors:
    yield from sources.validate_storage_os(source, path, namespace=True)


def _validate_csi(source: JsonObject, path: str) -> Errors:
    yield from sources.check_csi_driver_name(source.get("driver", ""), f"{path}.driver")
    yield from checks.require_fields(source, path, "volumeHandle")
    for part in _CSI_SECRETS:
        secret = source.get(part)
        if secret is not None:
            yield from checks.check_required_field(
                secret, f"{path}.{part}", "name", names.is_dns1123_subdomain
            )
            yield from checks.check_required_field(
                secret, f"{path}.{part}", "namespace", names.is_dns1123_label
            )


#: In upstream's order, which is the order of the errors.
_SOURCES: Final[dict[str, sources.Source]] = {
    "hostPath": sources.validate_host_path,
    "gcePersistentDisk": sources.make_disk_validator("pdName"),
    "awsElasticBlockStore": sources.make_disk_validator("volumeID"),
    "glusterfs": _validate_glusterfs,
    "flocker": sources.validate_flocker,
    "nfs": sources.validate_nfs,
    "rbd": sources.make_required_validator("monitors", "image"),
    "quobyte": sources.validate_quobyte,
    "cephfs": sources.make_required_validator("monitors"),
    "iscsi": _validate_iscsi,
    "cinder": _validate_cinder,
    "fc": sources.validate_fibre_channel,
    "flexVolume": sources.validate_flex,
    "azureFile": _validate_azure_file,
    "vsphereVolume": sources.make_required_validator("volumePath"),
    "photonPersistentDisk": sources.make_required_validator("pdID"),
    "portworxVolume": sources.make_required_validator("volumeID"),
    "azureDisk": sources.validate_azure_disk,
    "scaleIO": sources.make_required_validator("gateway", "system", "volumeName"),
    "local": _validate_local,
    "storageos": _validate_storage_os,
    "csi": _validate_csi,
}


def _is_same(affinity: JsonObject | None, before: JsonObject) -> bool:
    """Whether two node affinities differ only in deprecated label keys that their successors replace.

    As upstream, a key without a successor may become empty.
    """
    if affinity is None:
        return False
    wanted, had = (
        [
            (term.get("matchFields") or [], term.get("matchExpressions") or [])
            for term in (node_affinity.get("required") or {}).get("nodeSelectorTerms") or ()
        ]
        for node_affinity in (affinity, before)
    )
    if len(wanted) != len(had):
        return False
    return all(
        fields == old_fields and len(needs) == len(old_needs) and all(map(_is_renamed, needs, old_needs))
        for (fields, needs), (old_fields, old_needs) in zip(wanted, had, strict=True)
    )


def _is_renamed(need: JsonObject, before: JsonObject) -> bool:
    key, had = need.get("key", ""), before.get("key", "")
    if key != had and _REPLACED.get(had, "") == key:
        before = before | {"key": key}
    return need == before


def validate_persistent_volume_update(obj: JsonObject, old: JsonObject) -> Errors:
    """Field rules of an update."""
    yield from validate_persistent_volume(obj, old)
    spec, before = obj["spec"], old["spec"]
    source, had = _select_source(spec, before), _select_source(before, before)
    if source != had:
        difference = describe_difference(had, source)
        text = f"spec.persistentvolumesource is immutable after creation\n{difference}"
        yield field.forbidden("spec.persistentvolumesource", text)
    yield from checks.check_immutable(spec, before, "", "volumeMode")
    near, was_near = spec.get("nodeAffinity"), before.get("nodeAffinity")
    if was_near is not None and not _is_same(near, was_near):
        text = f"{checks.IMMUTABLE}, except for updating from beta label to GA"
        yield field.invalid("nodeAffinity", near, text)
    if before.get(_CLASS) is not None and spec.get(_CLASS) is None:
        yield field.forbidden(f"spec.{_CLASS}", "update from non-nil value to nil is forbidden")


def _select_source(spec: JsonObject, before: JsonObject) -> JsonObject:
    """Return the volume source, without a csi.controllerExpandSecretRef that the update adds."""
    source: JsonObject = {kind: spec[kind] for kind in _SOURCES if spec.get(kind) is not None}
    if "csi" in source and "controllerExpandSecretRef" not in (
        before.get("csi") or {"controllerExpandSecretRef": 0}
    ):
        source["csi"] = {
            name: value for name, value in source["csi"].items() if name != "controllerExpandSecretRef"
        }
    return source
