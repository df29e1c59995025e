"""Secrets: one type each, with the keys that the type needs.

Source: upstream pkg/registry/core/secret/strategy.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

import orjson

from kprov.kube.apiserver.registry.core.config_data import (
    DATA_BYTES_MAX,
    count_decoded_bytes,
    validate_data_keys,
    validate_immutable_data,
)
from kprov.kube.apiserver.registry.generic.checks import make_immutable_error
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject

_REDACTED: Final = "<secret contents redacted>"
_REQUIRED_KEYS: Final = {
    "kubernetes.io/dockercfg": [".dockercfg"],
    "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
    "kubernetes.io/ssh-auth": ["ssh-privatekey"],
    "kubernetes.io/tls": ["tls.crt", "tls.key"],
}


class SecretStrategy(ResourceStrategy):
    def default(self, obj: JsonObject) -> None:
        obj["type"] = obj.get("type") or "Opaque"
        plain = obj.pop("stringData", None)
        for key, text in (obj.get("data") or {}).items():
            if text is None:
                obj["data"][key] = ""
        if plain:
            data: JsonObject = obj.setdefault("data", {})
            for key, text in plain.items():
                data[key] = base64.b64encode(text.encode()).decode()

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        if not obj.get("type"):
            obj["type"] = old.get("type", "")

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"type": obj.get("type", "")}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_secret(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_secret(obj) + validate_secret_update(obj, old)

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return find_secret_warnings(obj)


def validate_secret(obj: JsonObject) -> list[FieldError]:
    data, kind = obj.get("data") or {}, obj["type"]
    errors = validate_data_keys("data", data)
    if sum(count_decoded_bytes(text) for text in data.values()) > DATA_BYTES_MAX:
        errors.append(field.too_long("data", DATA_BYTES_MAX))
    if kind == "kubernetes.io/service-account-token":
        annotation = "kubernetes.io/service-account.name"
        if not (obj["metadata"].get("annotations") or {}).get(annotation):
            errors.append(field.required(f"metadata.annotations[{annotation}]"))
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            errors += [field.required("data[username]"), field.required("data[password]")]
    else:
        # The SSH key must not be empty.
        missing = [
            key
            for key in _REQUIRED_KEYS.get(kind, [])
            if key not in data or (kind == "kubernetes.io/ssh-auth" and not data[key])
        ]
        errors += [field.required(f"data[{key}]") for key in missing]
        if kind.startswith("kubernetes.io/docker") and not missing:
            key = _REQUIRED_KEYS[kind][0]
            errors += _validate_json_object(f"data[{key}]", data[key])
    return errors


def find_secret_warnings(obj: JsonObject) -> list[str]:
    """Warn about a TLS secret without a PEM certificate or key."""
    if obj.get("type") != "kubernetes.io/tls":
        return []
    data = obj.get("data") or {}
    for key, name in (("tls.crt", "certificate"), ("tls.key", "key")):
        if b"-----BEGIN " not in base64.b64decode(data.get(key, "")):
            return [f"tls: failed to find any PEM data in {name} input"]
    return []


def _validate_json_object(path: str, text: str) -> list[FieldError]:
    """Check that a document is a JSON object or null."""
    document = base64.b64decode(text)
    wrong = go_json.find_error(document)
    if not wrong and not isinstance(value := orjson.loads(document), dict) and value is not None:
        json_type = go_json.type_name(value)
        wrong = f"json: cannot unmarshal {json_type} into Go value of type map[string]interface {{}}"
    return [field.invalid(path, _REDACTED, wrong)] if wrong else []


def validate_secret_update(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    errors = [] if obj["type"] == old["type"] else [make_immutable_error("type", obj["type"])]
    return errors + validate_immutable_data(obj, old, "data")
