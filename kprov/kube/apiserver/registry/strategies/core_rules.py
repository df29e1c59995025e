"""What config maps and secrets must look like.

Source: upstream pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

import orjson

from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.strategies.group_rules import immutable
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject

_MAX_BYTES: Final = 1024 * 1024
_IMMUTABLE_SET: Final = "field is immutable when `immutable` is set"
_REDACTED: Final = "<secret contents redacted>"
_NEEDED: Final = {
    "kubernetes.io/dockercfg": [".dockercfg"],
    "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
    "kubernetes.io/ssh-auth": ["ssh-privatekey"],
    "kubernetes.io/tls": ["tls.crt", "tls.key"],
}


def namespace(obj: JsonObject, *, changed: bool = False) -> Iterator[FieldError]:
    """Of a new one; of one that is changed each finalizer is told of where it stands."""
    for index, value in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
        path = f"spec.finalizers[{index}]" if changed else "spec.finalizers"
        for text in names.is_qualified_name(value):
            yield field.invalid(path, value, text)
        yield from metadata.own_finalizer(value, path)


def config_map(obj: JsonObject) -> list[FieldError]:
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
        errors.append(field.too_long("[]", _MAX_BYTES))
    return errors


def secret(obj: JsonObject) -> list[FieldError]:
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


def secret_warnings(obj: JsonObject) -> list[str]:
    """Of a secret for TLS whose certificate or key is none."""
    if obj.get("type") != "kubernetes.io/tls":
        return []
    data = obj.get("data") or {}
    for key, name in (("tls.crt", "certificate"), ("tls.key", "key")):
        if b"-----BEGIN " not in base64.b64decode(data.get(key, "")):
            return [f"tls: failed to find any PEM data in {name} input"]
    return []


def _json(path: str, text: str) -> list[FieldError]:
    """What is wrong with a document that is to be an object; null is an empty one."""
    document = base64.b64decode(text)
    wrong = go_json.error(document)
    if not wrong and not isinstance(value := orjson.loads(document), dict) and value is not None:
        wrong = (
            f"json: cannot unmarshal {go_json.kind(value)} into Go value of type map[string]interface {{}}"
        )
    return [field.invalid(path, _REDACTED, wrong)] if wrong else []


def immutable_flag(obj: JsonObject, old: JsonObject, *parts: str) -> list[FieldError]:
    """A config map or secret that was set immutable stays as it is."""
    if not old.get("immutable"):
        return []
    errors = [] if obj.get("immutable") else [field.forbidden("immutable", _IMMUTABLE_SET)]
    return errors + [
        field.forbidden(part, _IMMUTABLE_SET)
        for part in parts
        if (obj.get(part) or {}) != (old.get(part) or {})
    ]


def secret_update(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    errors = [] if obj["type"] == old["type"] else [immutable("type", obj["type"])]
    return errors + immutable_flag(obj, old, "data")


def _keys(path: str, data: JsonObject) -> list[FieldError]:
    return [
        field.invalid(f"{path}[{key}]", key, text) for key in data for text in names.is_config_map_key(key)
    ]


def _decoded_size(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")
