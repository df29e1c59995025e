"""Annotations of pods: deprecated profiles, deletion cost, tolerations.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodSpecificAnnotations).
"""

from __future__ import annotations

import json
import re
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_local_path
from kprov.kube.apiserver.registry.podspec.scheduling import validate_tolerations
from kprov.kube.apiserver.registry.podspec.windows import enumerate_containers
from kprov.kube.machinery import field, status
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.json_object import JsonObject

_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_TOLERATIONS: Final = "scheduler.alpha.kubernetes.io/tolerations"
_MIRROR: Final = "kubernetes.io/config.mirror"
SECCOMP: Final = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_PATH: Final = "metadata.annotations"
_INT32: Final = 2**31


def validate_pod_annotations(
    metadata: JsonObject, spec: JsonObject, path: str = _PATH, old: JsonObject | None = None
) -> Errors:
    """Field rules of annotations. old: the metadata before an update; an invalid deletion cost may stay."""
    had = ((old or {}).get("annotations") or {}).get(_COST, "0")
    values = metadata.get("annotations") or {}
    if values.get(_MIRROR) is not None and not spec.get("nodeName"):
        text = "must set spec.nodeName if mirror pod annotation is set"
        yield field.invalid(f"{path}[{_MIRROR}]", values[_MIRROR], text)
    if values.get(_TOLERATIONS):
        yield from _validate_tolerations(values[_TOLERATIONS], path)
    if _COST in values and not _is_cost(values[_COST]) and _is_cost(had):
        yield field.invalid(f"{path}[{_COST}]", values[_COST], "must be a 32bit integer")
    for key, profile in values.items():
        if key == SECCOMP or key.startswith(SECCOMP_CONTAINER):
            yield from _validate_seccomp(profile, f"{path}.{key}")
    known = {container.get("name", "") for _, container in enumerate_containers(spec, "")}
    for key, profile in values.items():
        if key.startswith(APPARMOR):
            name = key.removeprefix(APPARMOR)
            if name not in known:
                yield field.invalid(f"{path}[{key}]", name, "container not found")
            if profile not in {"", "runtime/default", "unconfined"} and not profile.startswith("localhost/"):
                text = f"invalid AppArmor profile name: {status.quoted(profile)}"
                yield field.invalid(f"{path}[{key}]", profile, text)


def _is_cost(text: str) -> bool:
    """Whether a text is a 32-bit integer without a plus sign or leading zeros."""
    return bool(re.fullmatch("0|-?[1-9][0-9]*", text)) and -_INT32 <= parse_clamped(text) < _INT32


def _validate_tolerations(text: str, path: str) -> Errors:
    try:
        values = json.loads(text)
    except ValueError as error:
        yield field.invalid(path, _TOLERATIONS, str(error))
        return
    if isinstance(values, list):
        yield from validate_tolerations(values, f"{path}.{_TOLERATIONS}")


def _validate_seccomp(profile: str, path: str) -> Errors:
    if profile in {"runtime/default", "docker/default", "unconfined"}:
        return
    if profile.startswith("localhost/"):
        yield from check_local_path(profile.removeprefix("localhost/"), path)
    else:
        yield field.invalid(path, profile, "must be a valid seccomp profile")


def validate_matching_profiles(metadata: JsonObject, spec: JsonObject, path: str = "spec") -> Errors:
    """Check that a profile's annotation and field are equal."""
    values, context = metadata.get("annotations") or {}, spec.get("securityContext") or {}
    whole = context.get("seccompProfile")
    if whole is not None and SECCOMP in values:
        yield from _validate_matching_profile(
            "seccomp", values[SECCOMP], whole, f"{path}.securityContext.seccompProfile"
        )
    for where, container in enumerate_containers(spec, path):
        own = (container.get("securityContext") or {}).get("seccompProfile")
        key = SECCOMP_CONTAINER + container.get("name", "")
        if own is not None and key in values:
            yield from _validate_matching_profile(
                "seccomp", values[key], own, f"{where}.securityContext.seccompProfile"
            )
    if (spec.get("os") or {}).get("name") == "windows":
        return
    for where, container in enumerate_containers(spec, path):
        own = (container.get("securityContext") or {}).get("appArmorProfile") or context.get(
            "appArmorProfile"
        )
        key = APPARMOR + container.get("name", "")
        if own is not None and key in values:
            yield from _validate_matching_profile(
                "apparmor", values[key], own, f"{where}.securityContext.appArmorProfile"
            )


def _validate_matching_profile(kind: str, annotation: str, profile: JsonObject, path: str) -> Errors:
    defaults = {"runtime/default", "docker/default"} if kind == "seccomp" else {"runtime/default"}
    fits = {
        "Unconfined": annotation == "unconfined",
        "RuntimeDefault": annotation in defaults,
        "Localhost": annotation.startswith("localhost/"),
    }
    if not fits.get(profile.get("type", ""), True):
        yield field.forbidden(f"{path}.type", f"{kind} type in annotation and field must match")
    elif profile.get("type") == "Localhost" and (
        profile.get("localhostProfile") != annotation.removeprefix("localhost/")
    ):
        text = f"{kind} profile in annotation and field must match"
        yield field.forbidden(f"{path}.localhostProfile", text)


def validate_unchanged_annotations(obj: JsonObject, old: JsonObject) -> Errors:
    """Refuse changes of the annotations of profiles and of mirror pods."""
    new, before = obj["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {}
    text = "may not remove or update AppArmor annotations"
    for key, value in before.items():
        if key.startswith(APPARMOR) and new.get(key) != value:
            yield field.forbidden(f"{_PATH}[{key}]", text)
    if new.get(_MIRROR) != before.get(_MIRROR) and _MIRROR in before:
        yield field.forbidden(f"{_PATH}[{_MIRROR}]", "may not remove or update mirror pod annotation")
    elif _MIRROR in new and _MIRROR not in before:
        yield field.forbidden(f"{_PATH}[{_MIRROR}]", "may not add mirror pod annotation")
    for key in new:
        if key.startswith(APPARMOR) and key not in before:
            yield field.forbidden(f"{_PATH}[{key}]", "may not add AppArmor annotations")
    yield from validate_pod_annotations(obj["metadata"], obj["spec"], old=old["metadata"])
