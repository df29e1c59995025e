"""Field rules of a pod's volumes and their sources.

Persistent volumes use the validators of the sources that they share with pods.
Source: upstream pkg/apis/core/validation/validation.go (ValidateVolumes, validateVolumeSource).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_annotations,
    check_enum,
    check_labels,
    check_local_path,
    check_no_backsteps,
    check_range,
    check_required_enum,
    check_required_field,
    check_value,
    enumerate_items,
    parse_nanos,
    require_fields,
)
from kprov.kube.apiserver.registry.podspec import projected_volumes
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import validate_claim_spec
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

Source = Callable[[JsonObject, str], Errors]

HOST_PATH_TYPES: Final = [
    *("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
]
PULL_POLICIES: Final = ["Always", "IfNotPresent", "Never"]
_MORE_THAN_ONE: Final = "may not specify more than 1 volume type"
_PARTITION: Final = "must be between 1 and 255, inclusive"
_ISCSI_NAME: Final = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+"),
    "eui": re.compile(r"eui.[A-Za-z0-9]{16}"),
    "naa": re.compile(r"naa.[A-Za-z0-9]{32}"),
}


def validate_volumes(
    values: Sequence[JsonObject], pod_name: str, path: str, *, is_pod: bool
) -> tuple[list[field.FieldError], dict[str, JsonObject]]:
    """Return the errors, and the valid volumes by name."""
    errors: list[field.FieldError] = []
    good: dict[str, JsonObject] = {}
    made = (
        {f"{pod_name}-{value.get('name', '')}" for value in values if value.get("ephemeral")}
        if pod_name
        else set()
    )
    for where, volume in enumerate_items(values, path):
        name = volume.get("name", "")
        volume_errors = [*_validate_sources(volume, pod_name, where)]
        if is_pod and volume.get("image") is not None and not volume["image"].get("reference"):
            volume_errors.insert(0, field.required(f"{where}.image.reference"))
        volume_errors += [*check_required_field(volume, where, "name", names.is_dns1123_label)]
        if name in good:
            volume_errors.append(field.duplicate(f"{where}.name", name))
        errors += volume_errors
        if not volume_errors:
            good[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        if claim in made:
            text = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(field.invalid(f"{where}.persistentVolumeClaim.claimName", claim, text))
    return errors, good


def _validate_sources(volume: JsonObject, pod_name: str, path: str) -> Errors:
    count = 0
    for kind, check in SOURCES.items():
        source = volume.get(kind)
        if source is None:
            continue
        count += 1
        if count > 1:
            yield field.forbidden(f"{path}.{_FORBIDDEN_NAMES.get(kind, kind)}", _MORE_THAN_ONE)
            continue
        yield from check(source, f"{path}.{_CHECKED_NAMES.get(kind, kind)}")
        if kind == "iscsi":
            yield from _validate_initiator_length(volume, path)
        elif kind == "ephemeral" and pod_name and volume.get("name"):
            claim = f"{pod_name}-{volume['name']}"
            for text in names.is_dns1123_subdomain(claim):
                yield field.invalid(f"{path}.name", volume["name"], f'PVC name "{claim}": {text}')
    if not count:
        yield field.required(path, "must specify a volume type")


def _validate_empty_dir(source: JsonObject, path: str) -> Errors:
    if source.get("sizeLimit") is not None and parse_nanos(source["sizeLimit"]) < 0:
        yield field.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def validate_host_path(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "path")
    yield from check_no_backsteps(source.get("path", ""), f"{path}.path")
    yield from check_enum(source.get("type"), f"{path}.type", HOST_PATH_TYPES)


def _validate_git_repo(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "repository")
    yield from check_local_path(source.get("directory", ""), f"{path}.directory")


def make_disk_validator(identity: str) -> Source:
    """Make the validator of a cloud disk. identity: the required field."""

    def check(source: JsonObject, path: str) -> Errors:
        yield from require_fields(source, path, identity)
        yield from check_range(source.get("partition"), f"{path}.partition", 0, 255, _PARTITION)

    return check


def make_required_validator(*needed_parts: str) -> Source:
    """Make the validator of a source with required fields."""

    def check(source: JsonObject, path: str) -> Errors:
        yield from require_fields(source, path, *needed_parts)

    return check


def validate_nfs(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "server", "path")
    if not source.get("path", "").startswith("/"):
        yield field.invalid(f"{path}.path", source.get("path", ""), "must be an absolute path")


def validate_iscsi(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "targetPortal", "iqn")
    if source.get("iqn"):
        yield from check_iscsi_name(source["iqn"], f"{path}.iqn")
    yield from check_range(source.get("lun", 0), f"{path}.lun", 0, 255)
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        yield field.required(f"{path}.secretRef")
    if source.get("initiatorName") is not None:
        yield from check_iscsi_name(source["initiatorName"], f"{path}.initiatorname")


def check_iscsi_name(
    name: str, path: str, unknown: str = "must be valid format starting with iqn, eui, or naa"
) -> Errors:
    pattern = _ISCSI_NAME.get(name[:3])
    if pattern is None:
        yield field.invalid(path, name, unknown)
    elif not pattern.fullmatch(name):
        yield field.invalid(path, name, "must be valid format")


def _validate_initiator_length(volume: JsonObject, path: str) -> Errors:
    source, name = volume["iscsi"], volume.get("name", "")
    if source.get("initiatorName") is not None and len(f"{name}:{source.get('targetPortal', '')}") > 64:
        yield field.invalid(f"{path}.name", name, TOO_LONG_TARGET)


TOO_LONG_TARGET: Final = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName "
    "is specified."
)


def validate_flocker(source: JsonObject, path: str) -> Errors:
    name, uuid = source.get("datasetName", ""), source.get("datasetUUID", "")
    if not name and not uuid:
        yield field.required(path, "one of datasetName and datasetUUID is required")
    if name and uuid:
        yield field.invalid(
            path, "resource", "datasetName and datasetUUID can not be specified simultaneously"
        )
    if "/" in name:
        yield field.invalid(f"{path}.datasetName", name, "must not contain '/'")


def validate_quobyte(source: JsonObject, path: str) -> Errors:
    registry, text = (
        source.get("registry", ""),
        "must be a host:port pair or multiple pairs separated by commas",
    )
    if not registry:
        yield field.required(f"{path}.registry", text)
    elif len(source.get("tenant", "")) >= 65:
        yield field.required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in registry.split(","):
            if not re.fullmatch(r"([^:\[\]]*|\[[^\[\]]*\]):[^:\[\]]*", pair):
                yield field.invalid(f"{path}.registry", registry, text)
    yield from require_fields(source, path, "volume")


def validate_fibre_channel(source: JsonObject, path: str) -> Errors:
    targets, ids = source.get("targetWWNs") or [], source.get("wwids") or []
    where = f"{path}.targetWWNs"
    if not targets and not ids:
        yield field.required(where, "must specify either targetWWNs or wwids, but not both")
    if targets and ids:
        yield field.invalid(where, targets, "targetWWNs and wwids can not be specified simultaneously")
    if targets and source.get("lun") is None:
        yield field.required(f"{path}.lun", "lun is required if targetWWNs is specified")
    elif targets:
        yield from check_range(source["lun"], f"{path}.lun", 0, 255)


def validate_flex(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "driver")
    for key in source.get("options") or ():
        if f".{key.split('/', 1)[0].lower()}".endswith((".kubernetes.io", ".k8s.io")):
            text = "kubernetes.io and k8s.io namespaces are reserved"
            yield field.invalid(f"{path}.options[{key}]", key, text)


def validate_cinder(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "volumeID")
    yield from _validate_secret(source, path)


def _validate_secret(source: JsonObject, path: str, *, namespace: bool = False) -> Errors:
    if source.get("secretRef") is not None:
        wanted = ("name", "namespace") if namespace else ("name",)
        yield from require_fields(source["secretRef"], f"{path}.secretRef", *wanted)


def validate_storage_os(source: JsonObject, path: str, *, namespace: bool = False) -> Errors:
    yield from check_required_field(source, path, "volumeName", names.is_dns1123_label)
    if source.get("volumeNamespace"):
        yield from check_value(source["volumeNamespace"], f"{path}.volumeNamespace", names.is_dns1123_label)
    yield from _validate_secret(source, path, namespace=namespace)


def validate_azure_disk(source: JsonObject, path: str) -> Errors:
    yield from require_fields(source, path, "diskName", "diskURI")
    yield from check_enum(source.get("cachingMode"), f"{path}.cachingMode", ["None", "ReadOnly", "ReadWrite"])
    kind, uri = source.get("kind"), source.get("diskURI", "")
    yield from check_enum(kind, f"{path}.kind", ["Dedicated", "Managed", "Shared"])
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        text = (
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
        )
        yield field.not_supported(f"{path}.diskURI", uri, [text])
    elif kind not in {None, "Managed"} and not uri.startswith("https://"):
        text = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
        yield field.not_supported(f"{path}.diskURI", uri, [text])


def check_csi_driver_name(name: str, path: str) -> Errors:
    if not name:
        yield field.required(path)
    if len(name.encode()) > 63:
        yield field.too_long(path, 63)
    for text in names.is_dns1123_subdomain(name.lower()) if name else ():
        yield field.invalid(path, name, text)


def _validate_csi(source: JsonObject, path: str) -> Errors:
    yield from check_csi_driver_name(source.get("driver", ""), f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        if not secret.get("name"):
            yield field.required(f"{path}.nodePublishSecretRef.name")
        else:
            yield from check_value(secret["name"], f"{path}.name", names.is_dns1123_subdomain)


def _validate_ephemeral(source: JsonObject, path: str) -> Errors:
    template, where = source.get("volumeClaimTemplate"), f"{path}.volumeClaimTemplate"
    if template is None:
        yield field.required(where)
        return
    metadata = template.get("metadata") or {}
    yield from check_annotations(metadata.get("annotations"), f"{where}.metadata.annotations")
    yield from check_labels(metadata.get("labels"), f"{where}.metadata.labels")
    for part in sorted(metadata.keys() - {"annotations", "labels"}):
        yield field.forbidden(f"{where}.metadata.{part}", "cannot be set")
    yield from validate_claim_spec(template.get("spec") or {}, f"{where}.spec")


def _validate_image(source: JsonObject, path: str) -> Errors:
    yield from check_required_enum(source.get("pullPolicy"), f"{path}.pullPolicy", PULL_POLICIES)


#: In upstream's order, which is the order of the errors.
SOURCES: Final[dict[str, Source]] = {
    "emptyDir": _validate_empty_dir,
    "hostPath": validate_host_path,
    "gitRepo": _validate_git_repo,
    "gcePersistentDisk": make_disk_validator("pdName"),
    "awsElasticBlockStore": make_disk_validator("volumeID"),
    "secret": projected_volumes.make_files_validator("secretName"),
    "nfs": validate_nfs,
    "iscsi": validate_iscsi,
    "glusterfs": make_required_validator("endpoints", "path"),
    "flocker": validate_flocker,
    "persistentVolumeClaim": make_required_validator("claimName"),
    "rbd": make_required_validator("monitors", "image"),
    "cinder": validate_cinder,
    "cephfs": make_required_validator("monitors"),
    "quobyte": validate_quobyte,
    "downwardAPI": projected_volumes.validate_downward_api,
    "fc": validate_fibre_channel,
    "flexVolume": validate_flex,
    "configMap": projected_volumes.make_files_validator("name"),
    "azureFile": make_required_validator("secretName", "shareName"),
    "vsphereVolume": make_required_validator("volumePath"),
    "photonPersistentDisk": make_required_validator("pdID"),
    "portworxVolume": make_required_validator("volumeID"),
    "azureDisk": validate_azure_disk,
    "storageos": validate_storage_os,
    "projected": projected_volumes.validate_projected,
    "scaleIO": make_required_validator("gateway", "system", "volumeName"),
    "csi": _validate_csi,
    "ephemeral": _validate_ephemeral,
    "image": _validate_image,
}
#: Names of fields that differ in upstream's errors.
_CHECKED_NAMES: Final = {"gcePersistentDisk": "persistentDisk"}
_FORBIDDEN_NAMES: Final = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
