"""Security of sandboxes and containers as Docker's options (cri-dockerd: core/security_context.go)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb

SecurityContext = pb.LinuxContainerSecurityContext | pb.LinuxSandboxSecurityContext
_LOCALHOST: Final = "localhost/"


def make_security_options(context: SecurityContext) -> list[str]:
    """Return HostConfig.SecurityOpt. RpcError: a seccomp profile cannot be read."""
    options = [*_make_seccomp(context), *_make_apparmor(context)]
    if isinstance(context, pb.LinuxContainerSecurityContext) and context.no_new_privs:
        options.append("no-new-privileges")
    return options


def _make_seccomp(context: SecurityContext) -> list[str]:
    """Docker takes the content of a profile. Without a profile in CRI there is none."""
    profile = context.seccomp
    if not context.HasField("seccomp") or profile.profile_type == pb.SecurityProfile.Unconfined:
        return ["seccomp=unconfined"]
    if profile.profile_type == pb.SecurityProfile.RuntimeDefault:
        return []
    path = Path(profile.localhost_ref.removeprefix(_LOCALHOST))
    try:
        return [f"seccomp={path.read_text(encoding='utf-8')}"]
    except (OSError, UnicodeDecodeError) as error:
        raise RpcError(Code.INVALID_ARGUMENT, f"seccomp profile {path}: {error}") from None


def _make_apparmor(context: SecurityContext) -> list[str]:
    profile = context.apparmor
    if not context.HasField("apparmor") or profile.profile_type == pb.SecurityProfile.RuntimeDefault:
        return []
    if profile.profile_type == pb.SecurityProfile.Unconfined:
        return ["apparmor=unconfined"]
    return [f"apparmor={profile.localhost_ref.removeprefix(_LOCALHOST)}"]


def make_user(context: SecurityContext) -> str:
    """Return Config.User as UID:GID. "" for the image's. RpcError: a group without a user."""
    user = str(context.run_as_user.value) if context.HasField("run_as_user") else ""
    if not user and isinstance(context, pb.LinuxContainerSecurityContext):
        user = context.run_as_username
    if not context.HasField("run_as_group"):
        return user
    if not user:
        raise RpcError(Code.INVALID_ARGUMENT, "runAsGroup is specified without a runAsUser")
    return f"{user}:{context.run_as_group.value}"


def make_group_list(groups: Iterable[int]) -> list[str]:
    """Return HostConfig.GroupAdd."""
    return [str(group) for group in groups]


def refuse_unsupported(context: SecurityContext) -> None:
    """RpcError: what Docker Engine cannot do for a single container."""
    options = context.namespace_options
    if options.HasField("userns_options") and options.userns_options.mode == pb.POD:
        text = "user namespaces are not supported: Docker Engine has one user namespace for all containers"
        raise RpcError(Code.INVALID_ARGUMENT, text)
    if context.supplemental_groups_policy == pb.Strict:
        text = "supplementalGroupsPolicy Strict is not supported: Docker Engine adds the groups of the image"
        raise RpcError(Code.INVALID_ARGUMENT, text)
    if (
        isinstance(context, pb.LinuxContainerSecurityContext)
        and context.capabilities.add_ambient_capabilities
    ):
        raise RpcError(Code.INVALID_ARGUMENT, "ambient capabilities are not supported by Docker Engine")


def make_common_options(context: SecurityContext) -> dict[str, Any]:
    """Return the part of HostConfig that sandboxes and containers share. RpcError."""
    refuse_unsupported(context)
    return {
        "Privileged": context.privileged,
        "ReadonlyRootfs": context.readonly_rootfs,
        "GroupAdd": make_group_list(context.supplemental_groups),
        "SecurityOpt": make_security_options(context),
    }
