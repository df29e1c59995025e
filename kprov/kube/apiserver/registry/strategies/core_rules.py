"""What config maps, secrets and nodes must look like.

Source: upstream pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from collections.abc import Iterator
from typing import Any, Final

from kprov.kube.apiserver.registry import checks
from kprov.kube.apiserver.registry.checks import each
from kprov.kube.apiserver.registry.strategies.group_rules import immutable
from kprov.kube.apiserver.registry.strategies.resource_rules import quantity_value
from kprov.kube.apiserver.registry.strategies.scheduling_rules import EFFECTS
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError

Object = dict[str, Any]

_MAX_BYTES: Final = 1024 * 1024
_IMMUTABLE_SET: Final = "field is immutable when `immutable` is set"
_REDACTED: Final = "<secret contents redacted>"
_NEEDED: Final = {
    "kubernetes.io/dockercfg": [".dockercfg"],
    "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
    "kubernetes.io/ssh-auth": ["ssh-privatekey"],
    "kubernetes.io/tls": ["tls.crt", "tls.key"],
}


def config_map(obj: Object) -> list[FieldError]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    errors = _keys("data", data) + _keys("binaryData", binary)
    errors += [
        field.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        for key in data
        if key in binary
    ]
    size = sum(len(text.encode()) for text in data.values()) + sum(
        _decoded_size(text) for text in binary.values()
    )
    if size > _MAX_BYTES:
        errors.append(field.too_long("", _MAX_BYTES))
    return errors


def secret(obj: Object) -> list[FieldError]:
    data, kind = obj.get("data") or {}, obj["type"]
    errors = _keys("data", data)
    if sum(_decoded_size(text) for text in data.values()) > _MAX_BYTES:
        errors.append(field.too_long("data", _MAX_BYTES))
    if kind == "kubernetes.io/service-account-token":
        annotation = "kubernetes.io/service-account.name"
        if not (obj["metadata"].get("annotations") or {}).get(annotation):
            errors.append(field.required(f"metadata.annotations[{annotation}]"))
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            errors += [field.required("data[username]"), field.required("data[password]")]
    else:
        # A key of SSH may not be empty either.
        missing = [
            key
            for key in _NEEDED.get(kind, [])
            if key not in data or (kind == "kubernetes.io/ssh-auth" and not data[key])
        ]
        errors += [field.required(f"data[{key}]") for key in missing]
        if kind.startswith("kubernetes.io/docker") and not missing:
            key = _NEEDED[kind][0]
            errors += _json(f"data[{key}]", data[key])
    return errors


def _json(path: str, text: str) -> list[FieldError]:
    try:
        json.loads(base64.b64decode(text))
    except (ValueError, binascii.Error) as error:
        return [field.invalid(path, _REDACTED, str(error))]
    return []


def immutable_flag(obj: Object, old: Object, *parts: str) -> list[FieldError]:
    """A config map or secret that was set immutable stays as it is."""
    if not old.get("immutable"):
        return []
    errors = [] if obj.get("immutable") else [field.forbidden("immutable", _IMMUTABLE_SET)]
    return errors + [
        field.forbidden(part, _IMMUTABLE_SET)
        for part in parts
        if (obj.get(part) or {}) != (old.get(part) or {})
    ]


def secret_update(obj: Object, old: Object) -> list[FieldError]:
    errors = [] if obj["type"] == old["type"] else [immutable("type", obj["type"])]
    return errors + immutable_flag(obj, old, "data")


def _keys(path: str, data: Object) -> list[FieldError]:
    return [
        field.invalid(f"{path}[{key}]", key, text) for key in data for text in names.is_config_map_key(key)
    ]


def _decoded_size(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")


def node(obj: Object) -> Iterator[FieldError]:
    spec, status = obj["spec"], obj.get("status") or {}
    seen: set[tuple[str, str]] = set()
    # Upstream's paths of taints start at the metadata.
    for path, taint in each(spec.get("taints"), "metadata.taints"):
        key, effect, value = taint.get("key", ""), taint.get("effect", ""), taint.get("value", "")
        yield from checks.named(key, f"{path}.key", names.is_qualified_name)
        problems = names.is_label_value(value)
        if problems:
            yield field.invalid(f"{path}.value", value, ";".join(problems))
        yield from checks.one_of_required(effect, f"{path}.effect", EFFECTS)
        if (key, effect) in seen:
            shown = {"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")}
            double = field.duplicate(path, shown)
            text = f"{double.detail}: taints must be unique by key and effect pair"
            yield FieldError(double.reason, path, text)
        seen.add((key, effect))
    for part in ("capacity", "allocatable"):
        for name, amount in (status.get(part) or {}).items():
            yield from quantity_value(name, amount, f"status.{part}.{name}")
    ranges = spec.get("podCIDRs") or []
    wrong = [error for path, text in each(ranges, "spec.podCIDRs") for error in checks.cidr(text, path)]
    yield from wrong
    if len(ranges) > 1 and not wrong:
        versions = {ipaddress.ip_network(text, strict=False).version for text in ranges}
        if len(versions) < 2 or len(ranges) > 2:
            text = "may specify no more than one CIDR for each IP family"
            yield field.invalid("spec.podCIDRs", ranges, text)


def node_update(obj: Object, old: Object) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors: list[FieldError] = []
    if before.get("podCIDRs") and spec.get("podCIDRs") != before["podCIDRs"]:
        text = 'node updates may not change podCIDR except from "" to valid'
        errors.append(field.forbidden("spec.podCIDRs", text))
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        text = 'node updates may not change providerID except from "" to valid'
        errors.append(field.forbidden("spec.providerID", text))
    return errors
