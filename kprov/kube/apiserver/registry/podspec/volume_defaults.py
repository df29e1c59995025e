"""Defaults of volume sources, of pods and of persistent volumes alike.

Source: upstream pkg/apis/core/v1/defaults.go and the defaults in staging/src/k8s.io/api/core/v1/types.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonObject

_DEFAULTS: Final[dict[str, JsonObject]] = {
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
#: The fields are pointers in Go, so an empty string is a value.
_POINTERS: Final = "azureDisk"


def default_source(kind: str, source: JsonObject) -> None:
    """Set the defaults of a volume source. kind: its field, such as "iscsi"."""
    if kind == "hostPath" and source.get("type") is None:
        source["type"] = ""
    for part, value in _DEFAULTS.get(kind, {}).items():
        if source.get(part) is None or (source[part] == "" and kind != _POINTERS):
            source[part] = value
