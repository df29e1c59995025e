"""AppArmor profiles of a new pod's annotations, which the fields have replaced.

Source: upstream pkg/registry/core/pod/strategy.go, applyAppArmorVersionSkew.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.apiserver.registry.strategies import security_rules

Object = dict[str, Any]
_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
_LOCAL: Final = "localhost/"


def take_over(pod: Object) -> list[str]:
    """Copy them to the fields of the containers that have none; the warnings of that."""
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
            profile = _profile(annotations[key])
            if profile is None or profile != of_pod:
                text = 'deprecated since v1.30; use the "appArmorProfile" field instead'
                warnings.append(f"metadata.annotations[{key}]: {text}")
            if profile is not None and profile != of_pod:
                container["securityContext"] = context | {"appArmorProfile": profile}
    return warnings


def _profile(annotation: str) -> Object | None:
    """The field of an annotation, None for one that says nothing valid."""
    if annotation == "unconfined":
        return {"type": "Unconfined"}
    if annotation == "runtime/default":
        return {"type": "RuntimeDefault"}
    if not annotation.startswith(_LOCAL):
        return None
    profile = {"type": "Localhost", "localhostProfile": annotation.removeprefix(_LOCAL)}
    return None if any(security_rules.apparmor(profile, "")) else profile
