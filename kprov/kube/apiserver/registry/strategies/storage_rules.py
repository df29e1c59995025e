"""Storage classes, attachments, and what CSI drivers tell of themselves.

Source: upstream pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.core.persistent_volume.validation import volume_spec
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, nanos
from kprov.kube.apiserver.registry.podspec.volumes import csi_driver_name
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_PARAMETERS_MAX, _PARAMETERS_BYTES = 512, 256 * 1024
_METADATA_BYTES, _MESSAGE_MAX = 256 * 1024, 1024
_NODE_ID_MAX: Final = 256
_FS_GROUP: Final = ["File", "None", "ReadWriteOnceWithFSType"]
_ONE_SOURCE: Final = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def storage_class(obj: JsonObject) -> Errors:
    yield from _provisioner(obj.get("provisioner", ""), "provisioner")
    yield from _parameters(obj.get("parameters") or {})
    if obj["reclaimPolicy"]:
        yield from checks.one_of(obj["reclaimPolicy"], "reclaimPolicy", ["Delete", "Retain"])
    modes = ["Immediate", "WaitForFirstConsumer"]
    yield from checks.one_of(obj["volumeBindingMode"], "volumeBindingMode", modes)
    yield from _topologies(obj.get("allowedTopologies") or ())


def _provisioner(name: str, path: str) -> Errors:
    if not name:
        yield field.required(path)
    else:
        yield from checks.named(name.lower(), path, names.is_qualified_name)


def _parameters(values: dict[str, str]) -> Errors:
    if len(values) > _PARAMETERS_MAX:
        yield field.too_long("parameters", _PARAMETERS_MAX)
    if "" in values:
        yield field.invalid("parameters", "", "field can not be empty.")
    if sum(len(key.encode()) + len(value.encode()) for key, value in values.items()) > _PARAMETERS_BYTES:
        yield field.too_long("parameters", _PARAMETERS_BYTES)


def _topologies(terms: Sequence[JsonObject]) -> Errors:
    # Upstream compares a term with as many empty ones, too, so that an empty term is a double of nothing.
    before: list[dict[str, set[str]]] = [{} for _ in terms]
    for where, term in each(terms, "allowedTopologies"):
        values: dict[str, set[str]] = {}
        for place, need in each(term.get("matchLabelExpressions"), f"{where}.matchLabelExpressions"):
            key, given = need.get("key", ""), need.get("values") or []
            if not given:
                yield field.required(f"{place}.values")
            for index, (spot, value) in enumerate(each(given, f"{place}.values")):
                if value in given[:index]:
                    yield field.duplicate(spot, value)
            yield from checks.named(key, f"{place}.key", names.is_qualified_name)
            if key in values:
                yield field.duplicate(f"{place}.key", key)
            values[key] = set(given)
        for _ in range(before.count(values)):
            yield field.duplicate(f"{where}.matchLabelExpressions", "")
        before.append(values)


def storage_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from storage_class(obj)
    parts = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
    yield from checks.immutable(obj, old, "", *parts)


def attributes_class(obj: JsonObject) -> Errors:
    yield from _provisioner(obj.get("driverName", ""), "driverName")
    yield from _parameters(obj.get("parameters") or {})
    if not obj.get("parameters"):
        yield field.required("parameters", "must contain at least one key/value pair")


def attributes_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    for part in ("driverName", "parameters"):
        if (obj.get(part) or None) != (old.get(part) or None):
            yield field.forbidden(part, f"updates to {part} are forbidden.")
    yield from attributes_class(obj)


def volume_attachment(obj: JsonObject) -> Errors:
    spec = obj["spec"]
    source = spec.get("source") or {}
    yield from csi_driver_name(spec.get("attacher", ""), "spec.attacher")
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if name is None and inline is None:
        yield field.required("spec.source", _ONE_SOURCE)
    elif name is not None and inline is not None:
        yield field.forbidden("spec.source", _ONE_SOURCE)
    elif name == "":
        text = "must specify non empty persistentVolumeName"
        yield field.required("spec.source.persistentVolumeName", text)
    elif inline is not None:
        yield from volume_spec(inline, "spec.source.inlineVolumeSpec", inline=True)
    yield from checks.named(spec.get("nodeName", ""), "spec.nodeName", names.is_dns1123_subdomain)
    if name is not None:
        yield from checks.named(name, "spec.source.persistentVolumeName", names.is_dns1123_subdomain)


def attachment_status(obj: JsonObject) -> Errors:
    status = obj.get("status") or {}
    metadata = status.get("attachmentMetadata") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > _METADATA_BYTES:
        yield field.too_long("status.attachmentMetadata", _METADATA_BYTES)
    for part in ("attachError", "detachError"):
        error = status.get(part) or {}
        if len(error.get("message", "").encode()) > _MESSAGE_MAX:
            # Upstream tells the other limit here.
            yield field.too_long(f"status.{part}.message", _METADATA_BYTES)
        code = error.get("errorCode")
        yield from checks.in_range(code, f"status.{part}.errorCode", 0, checks.INT32_MAX)


def volume_attachment_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from volume_attachment(obj)
    yield from checks.immutable(obj, old, "", "spec")


def csi_driver(obj: JsonObject) -> Errors:
    spec = obj["spec"]
    yield from checks.one_of(spec.get("fsGroupPolicy"), "spec.fsGroupPolicy", _FS_GROUP)
    seen: set[str] = set()
    for where, request in each(spec.get("tokenRequests"), "spec.tokenRequests"):
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
        yield from checks.one_of(mode, "spec.volumeLifecycleModes", ["Persistent", "Ephemeral"])
    period = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < 10:
        text = "must be greater than or equal to 10 seconds"
        yield field.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, text)
    in_secrets = spec.get("serviceAccountTokenInSecrets")
    if in_secrets is not None and not spec.get("tokenRequests"):
        text = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        yield field.invalid("spec.serviceAccountTokenInSecrets", in_secrets, text)


def csi_driver_update(obj: JsonObject, old: JsonObject) -> Errors:
    yield from csi_driver(obj)
    spec, before = obj["spec"], old["spec"]
    if spec.get("attachRequired") != before.get("attachRequired"):
        yield field.invalid("spec.attachedRequired", spec.get("attachRequired"), checks.IMMUTABLE)
    yield from checks.immutable(spec, before, "spec", "volumeLifecycleModes")


def csi_node(obj: JsonObject) -> Errors:
    seen: set[str] = set()
    for where, driver in each((obj.get("spec") or {}).get("drivers"), "spec.drivers"):
        name, node = driver.get("name", ""), driver.get("nodeID", "")
        yield from csi_driver_name(name, f"{where}.name")
        if not node:
            yield field.required(f"{where}.nodeID")
        if len(node) > _NODE_ID_MAX:
            yield field.invalid(f"{where}.nodeID", node, f"must be {_NODE_ID_MAX} characters or less")
        yield from checks.not_negative(driver.get("allocatable") or {}, f"{where}.allocatable", "count")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        keys = driver.get("topologyKeys") or []
        for index, key in enumerate(keys):
            if not key:
                yield field.required(where)
            if key in keys[:index]:
                yield field.duplicate(where, key)
            yield from checks.named(key, where, names.is_qualified_name)


def csi_node_update(obj: JsonObject, old: JsonObject) -> Errors:
    def fixed(driver: JsonObject) -> JsonObject:
        return {name: value for name, value in driver.items() if name != "allocatable"}

    yield from csi_node(obj)
    before = {driver["name"]: driver for driver in (old.get("spec") or {}).get("drivers") or ()}
    for driver in (obj.get("spec") or {}).get("drivers") or ():
        had = before.get(driver.get("name", ""))
        if had is not None and fixed(driver) != fixed(had):
            yield field.invalid("spec.drivers", fixed(driver), checks.IMMUTABLE)


def storage_capacity(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    keeps = checks.is_wrong((old or {}).get("nodeTopology"))
    yield from checks.label_selector(obj.get("nodeTopology"), "nodeTopology", any_values=keeps)
    name = obj.get("storageClassName", "")
    yield from checks.named(name, "storageClassName", names.is_dns1123_subdomain)
    if obj.get("capacity") is not None and nanos(obj["capacity"]) < 0:
        yield field.invalid("capacity", obj["capacity"], checks.NOT_NEGATIVE)
    if old is not None:
        yield from checks.immutable(obj, old, "", "nodeTopology", "storageClassName")
