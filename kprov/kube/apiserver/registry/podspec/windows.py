"""Field rules of pods that name their operating system, Windows or Linux.

Source: upstream pkg/apis/core/validation/validation.go (validateWindows*, validateLinux).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_value
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_NOT_ON_LINUX: Final = "windows options cannot be set for a linux pod"
_NOT_ON_WINDOWS: Final = "cannot be set for a windows pod"
_POD_PARTS: Final = (
    "securityContext.appArmorProfile",
    "securityContext.seLinuxOptions",
    *("hostUsers", "hostPID", "hostIPC"),
    *(f"securityContext.{name}" for name in ("seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls")),
    "shareProcessNamespace",
    *(f"securityContext.{name}" for name in ("runAsUser", "runAsGroup", "supplementalGroups")),
    *(f"securityContext.{name}" for name in ("supplementalGroupsPolicy", "seLinuxChangePolicy")),
)
_CONTAINER_PARTS: Final = (
    *(
        "appArmorProfile",
        "seLinuxOptions",
        "seccompProfile",
        "capabilities",
        "readOnlyRootFilesystem",
        "privileged",
    ),
    *("allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"),
)
_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NET_BIOS: Final = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_CREDENTIAL_MAX: Final = 64 * 1024


def enumerate_containers(spec: JsonObject, path: str) -> Iterator[tuple[str, JsonObject]]:
    """(path, container) for init, regular and ephemeral containers."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield f"{path}.{kind}[{index}]", container


def validate_windows_options(options: JsonObject | None, path: str) -> Errors:
    if options is None:
        return
    if options.get("gmsaCredentialSpecName") is not None:
        where = f"{path}.gmsaCredentialSpecName"
        yield from check_value(options["gmsaCredentialSpecName"], where, names.is_dns1123_subdomain)
    credential = options.get("gmsaCredentialSpec")
    if credential == "":
        text = "gmsaCredentialSpec cannot be an empty string"
        yield field.invalid(f"{path}.gmsaCredentialSpec", credential, text)
    elif credential is not None and len(credential.encode()) > _CREDENTIAL_MAX:
        text = "gmsaCredentialSpec size must be under 64 KiB"
        yield field.invalid(f"{path}.gmsaCredentialSpec", credential, text)
    name = options.get("runAsUserName")
    if name is not None:
        for text in _find_user_name_problems(name):
            yield field.invalid(f"{path}.runAsUserName", name, text)


def _find_user_name_problems(name: str) -> Iterator[str]:
    """Why a runAsUserName is invalid: a user, or a domain, a backslash and a user."""
    domain, backslash, user = name.rpartition("\\")
    if not name:
        yield "runAsUserName cannot be an empty string"
    elif re.search(r"[\x00-\x1f\x7f]", name):
        yield "runAsUserName cannot contain control characters"
    elif "\\" in domain:
        yield "runAsUserName cannot contain more than one backslash"
    else:
        if len(domain) >= 256:
            yield "runAsUserName's Domain length must be under 256 characters"
        if backslash and not (
            _NET_BIOS.fullmatch(domain) or re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", domain)
        ):
            yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
        if not user:
            yield "runAsUserName's User cannot be empty"
        elif len(user) > 104:
            yield "runAsUserName's User length must not be longer than 104 characters"
        if re.fullmatch(r"[. ]+", user):
            yield "runAsUserName's User cannot contain only periods or spaces"
        if re.search(r'["/\\:;|=,+*?<>@\[\]]', user):
            yield "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"


def validate_host_process(spec: JsonObject, path: str, *, privileged: bool) -> Errors:
    """Check that all containers are host processes or none is."""
    whole = _read_host_process(spec)
    flags = []
    for where, container in enumerate_containers(spec, path):
        own = _read_host_process(container)
        if whole is not None and own is not None and whole != own:
            shown = "true" if whole else "false"
            text = f"pod hostProcess value must be identical if both are specified, was {shown}"
            yield field.invalid(f"{where}.securityContext.windowsOptions.hostProcess", own, text)
        flags.append(own if own is not None else bool(whole))
    if not any(flags):
        return
    if not all(flags):
        text = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        yield field.invalid(path, "", text)
    if not spec.get("hostNetwork"):
        text = "hostNetwork must be true if pod contains any hostProcess containers"
        yield field.invalid(f"{path}.hostNetwork", False, text)
    if not privileged:
        yield field.forbidden(path, "hostProcess containers are disallowed by cluster policy")


def _read_host_process(owner: JsonObject) -> bool | None:
    host_process: bool | None = ((owner.get("securityContext") or {}).get("windowsOptions") or {}).get(
        "hostProcess"
    )
    return host_process


def validate_operating_system(spec: JsonObject, path: str) -> Errors:
    if spec.get("os") is None:
        return
    name = spec["os"].get("name", "")
    if not name:
        yield field.required(f"{path}.os.name")
    elif name == "linux":
        yield from _forbid_fields(
            spec, path, ["securityContext.windowsOptions"], ["windowsOptions"], _NOT_ON_LINUX
        )
    elif name == "windows":
        yield from _forbid_fields(spec, path, _POD_PARTS, _CONTAINER_PARTS, _NOT_ON_WINDOWS)
    else:
        yield field.not_supported(f"{path}.os", name, ["linux", "windows"])


def _forbid_fields(
    spec: JsonObject, path: str, parts: Sequence[str], own: Sequence[str], text: str
) -> Errors:
    for part in parts:
        name, _, inner = part.partition(".")
        value = (spec.get(name) or {}).get(inner) if inner else spec.get(name)
        ignored = part in {"hostPID", "hostIPC", "securityContext.sysctls"} and not value
        if value is not None and not ignored:
            yield field.forbidden(f"{path}.{part}", text)
    for where, container in enumerate_containers(spec, path):
        context = container.get("securityContext") or {}
        for part in own:
            if context.get(part) is not None:
                yield field.forbidden(f"{where}.securityContext.{part}", text)
