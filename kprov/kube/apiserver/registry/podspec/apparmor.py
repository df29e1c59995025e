"""Copies AppArmor profiles from annotations to fields.

Source: upstream pkg/registry/core/pod/strategy.go, applyAppArmorVersionSkew.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.podspec import security
from kprov.kube.machinery.json_object import JsonObject

_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
DEPRECATED: Final = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_LOCAL: Final = "localhost/"


def sync_profiles(pod: JsonObject) -> list[str]:
    """Copy the annotations to containers without the field. Returns warnings."""
    spec, annotations = pod["spec"], pod["metadata"].get("annotations") or {}
    if not annotations or (spec.get("os") or {}).get("name") == "windows":
        return []
    of_pod = (spec.get("securityContext") or {}).get("appArmorProfile")
    warnings = []
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            key = f"{_PREFIX}{container.get('name', '')}"
            context = container.get("securityContext") or {}
            if key not in annotations or context.get("appArmorProfile") is not None:
                continue
            wanted = parse_profile(annotations[key])
            if wanted is None or wanted != of_pod:
                warnings.append(f"metadata.annotations[{key}]: {DEPRECATED}")
            if wanted is not None and wanted != of_pod:
                container["securityContext"] = context | {"appArmorProfile": wanted}
    return warnings


def parse_profile(annotation: str) -> JsonObject | None:
    """Return the field for an annotation's value, None if it is invalid."""
    if annotation == "unconfined":
        return {"type": "Unconfined"}
    if annotation == "runtime/default":
        return {"type": "RuntimeDefault"}
    if not annotation.startswith(_LOCAL):
        return None
    local = {"type": "Localhost", "localhostProfile": annotation.removeprefix(_LOCAL)}
    return None if any(security.validate_apparmor(local, "")) else local
