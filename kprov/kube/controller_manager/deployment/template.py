"""Compares pod templates, and hashes them for the names of replica sets."""

from typing import Any, Final

from kprov.kube.controller_manager.deployment.template_dump import dump
from kprov.kube.controller_manager.framework.safe_encoding import encode_hash

HASH_LABEL: Final = "pod-template-hash"


def is_same_template(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether two templates are equal except for the hash label."""
    left, right = _remove_hash(left), _remove_hash(right)
    return left == right or bool(_normalize(left) == _normalize(right))


def compute_hash(template: dict[str, Any], collisions: int | None) -> str:
    """Return the template's hash, as upstream's controller.ComputeHash.

    Each collision count gives another one.
    """
    content = dump(_remove_hash(template)).encode()
    if collisions is not None:
        content += collisions.to_bytes(8, "little")
    return encode_hash(_fnv1a(content))


def _fnv1a(content: bytes) -> int:
    """Go's fnv.New32a."""
    value = 0x811C9DC5
    for byte in content:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def add_hash(template: dict[str, Any], digest: str) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), HASH_LABEL: digest}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _remove_hash(template: dict[str, Any]) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _normalize(value: Any) -> Any:
    """Return the value without nulls and empty parts: absent and empty are equal on the wire."""
    if isinstance(value, dict):
        pairs = ((key, _normalize(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not None} or None
    if isinstance(value, list):
        return [_normalize(item) for item in value] or None
    return value
