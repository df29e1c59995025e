"""Security contexts of pods and containers.

Source: upstream pkg/apis/core/validation/validation.go (ValidateSecurityContext,
validatePodSpecSecurityContext).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_local_path,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.podspec.windows import validate_windows_options
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_ID_MAX: Final = 2**31 - 1
_SYSCTL_SEGMENT: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL: Final = rf"^({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}$"
_PROFILES: Final = ["Localhost", "RuntimeDefault", "Unconfined"]
_APPARMOR_MAX: Final = 4095
_IPC_SYSCTLS: Final = {"kernel.sem"}


def _validate_ids(context: JsonObject, path: str, *parts: str) -> Errors:
    for part in parts:
        if context.get(part) is not None:
            yield from check_value(context[part], f"{path}.{part}", is_id)


def is_id(value: int) -> list[str]:
    return names.is_in_range(value, 0, _ID_MAX)


def validate_pod_security_context(spec: JsonObject, path: str, before: JsonObject | None = None) -> Errors:
    """Field rules of a pod's security context. before: the old spec; it may keep disabled features."""
    context = spec.get("securityContext") or {}
    yield from _validate_ids(context, path, "fsGroup", "runAsUser", "runAsGroup")
    for where, group in enumerate_items(context.get("supplementalGroups"), f"{path}.supplementalGroups"):
        yield from check_value(group, where, is_id)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        text = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield field.invalid(f"{path}.shareProcessNamespace", True, text)
    of_old = ((before or {}).get("securityContext") or {}).get("sysctls") or ()
    kept = any(_find_shared_namespace(sysctl.get("name", ""), before or {}) for sysctl in of_old)
    yield from _validate_sysctls(context.get("sysctls") or (), spec, f"{path}.sysctls", of_host=kept)
    change = ["Always", "OnRootMismatch"]
    yield from check_enum(context.get("fsGroupChangePolicy"), f"{path}.fsGroupChangePolicy", change)
    yield from validate_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    yield from validate_windows_options(context.get("windowsOptions"), f"{path}.windowsOptions")
    yield from validate_apparmor(context.get("appArmorProfile"), f"{path}.appArmorProfile")
    policy = context.get("supplementalGroupsPolicy")
    yield from check_enum(policy, f"{path}.supplementalGroupsPolicy", ["Merge", "Strict"])
    had = ((before or {}).get("securityContext") or {}).get("seLinuxChangePolicy")
    policies = ["Recursive"] if had is None else ["MountOption", "Recursive"]
    yield from check_enum(context.get("seLinuxChangePolicy"), f"{path}.seLinuxChangePolicy", policies)


def _find_shared_namespace(name: str, spec: JsonObject) -> str:
    """Return the field that shares the host namespace of a sysctl; "" if none does."""
    plain = name.replace("/", ".")
    if spec.get("hostNetwork") and plain.startswith("net."):
        return "hostNetwork"
    shared = plain in _IPC_SYSCTLS or plain.startswith(("kernel.shm", "kernel.msg", "fs.mqueue."))
    return "hostIPC" if shared and spec.get("hostIPC") else ""


def _validate_sysctls(sysctls: Sequence[JsonObject], spec: JsonObject, path: str, *, of_host: bool) -> Errors:
    """Field rules of sysctls. of_host: sysctls of shared host namespaces are allowed."""
    seen: set[str] = set()
    for where, sysctl in enumerate_items(sysctls, path):
        name = sysctl.get("name", "")
        if not name:
            yield field.required(f"{where}.name")
        elif len(name) > names.SUBDOMAIN_MAX or not re.match(_SYSCTL, name):
            text = f"must have at most {names.SUBDOMAIN_MAX} characters and match regex {_SYSCTL}"
            yield field.invalid(f"{where}.name", name, text)
        elif name in seen:
            yield field.duplicate(f"{where}.name", name)
        shared = _find_shared_namespace(name, spec)
        if shared and not of_host:
            yield field.invalid(f"{where}.name", name, f"may not be specified when '{shared}' is true")
        seen.add(name)


def validate_container_security_context(
    context: JsonObject | None, path: str, *, host_users: bool, privileged: bool
) -> Errors:
    """Field rules of a container's security context. privileged: the server allows privileged containers."""
    if context is None:
        return
    if context.get("privileged") and not privileged:
        yield field.forbidden(f"{path}.privileged", "disallowed by cluster policy")
    yield from _validate_ids(context, path, "runAsUser", "runAsGroup")
    mount = context.get("procMount")
    yield from check_enum(mount, f"{path}.procMount", ["Default", "Unmasked"])
    if host_users and mount == "Unmasked":
        yield field.invalid(f"{path}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    yield from validate_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield field.invalid(path, context, text)
        for capability in (context.get("capabilities") or {}).get("add") or ():
            if capability == "CAP_SYS_ADMIN":
                text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
                yield field.invalid(path, context, text)
    yield from validate_windows_options(context.get("windowsOptions"), f"{path}.windowsOptions")
    yield from validate_apparmor(context.get("appArmorProfile"), f"{path}.appArmorProfile")


def validate_seccomp(profile: JsonObject | None, path: str) -> Errors:
    if profile is None:
        return
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    if not kind:
        yield field.required(f"{path}.type", "type is required when seccompProfile is set")
    else:
        yield from check_enum(kind, f"{path}.type", _PROFILES)
    where = f"{path}.localhostProfile"
    if kind != "Localhost":
        if local is not None:
            yield field.invalid(where, profile, "can only be set when seccomp type is Localhost")
    elif local is None:
        yield field.required(where, "must be set when seccomp type is Localhost")
    else:
        yield from check_local_path(local, where)


def validate_apparmor(profile: JsonObject | None, path: str) -> Errors:
    if profile is None:
        return
    kind, local, where = profile.get("type", ""), profile.get("localhostProfile"), f"{path}.localhostProfile"
    if kind == "Localhost":
        if local is None or local == "":
            yield field.required(where, "must be set when AppArmor type is Localhost")
        elif local.strip() != local:
            yield field.invalid(where, local, "must not be padded with whitespace")
        if len((local or "").encode()) > _APPARMOR_MAX:
            yield field.too_long(where, _APPARMOR_MAX)
    elif kind in _PROFILES:
        if local is not None:
            yield field.invalid(where, local, "can only be set when AppArmor type is Localhost")
    elif not kind:
        yield field.required(f"{path}.type", "type is required when appArmorProfile is set")
    else:
        yield field.not_supported(f"{path}.type", kind, _PROFILES)
