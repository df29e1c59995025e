"""Security contexts of pods and containers as the runtime wants them."""

from typing import Any, Final

from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.pods.pod_queries import Container, Pod, all_containers, told, uses_host_network
from kprov.kube.kubelet.runtime.environment import ConfigError

_MASKED: Final = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def _pod_context(pod: Pod) -> dict[str, Any]:
    return pod["spec"].get("securityContext") or {}


def effective(pod: Pod, container: Container) -> dict[str, Any]:
    """The container's settings over those the pod sets for all."""
    own, shared = container.get("securityContext") or {}, _pod_context(pod)
    fields = (
        "runAsUser",
        "runAsGroup",
        "runAsNonRoot",
        "seccompProfile",
        "seLinuxOptions",
        "appArmorProfile",
    )
    merged = {field: shared[field] for field in fields if shared.get(field) is not None}
    return merged | {field: value for field, value in own.items() if value is not None}


def is_privileged(container: Container) -> bool:
    return bool((container.get("securityContext") or {}).get("privileged"))


def supplemental_groups(pod: Pod) -> list[int]:
    context = _pod_context(pod)
    groups = [int(context["fsGroup"])] if context.get("fsGroup") is not None else []
    return list(dict.fromkeys([*groups, *(context.get("supplementalGroups") or [])]))


def namespaces(pod: Pod, container: Container | None = None, target: str = "") -> pb.NamespaceOption:
    """The sandbox's namespaces, or a container's; ``target`` is the id an ephemeral container looks into."""
    spec = pod["spec"]
    if spec.get("hostPID"):
        pid = pb.NODE
    elif spec.get("shareProcessNamespace"):
        pid = pb.POD
    else:
        pid = pb.CONTAINER
    if container is not None and target and pid == pb.CONTAINER:
        pid = pb.TARGET
    return pb.NamespaceOption(
        network=pb.NODE if uses_host_network(pod) else pb.POD,
        pid=pid,
        ipc=pb.NODE if spec.get("hostIPC") else pb.POD,
        target_id=target if pid == pb.TARGET else "",
    )


def _seccomp(profile: dict[str, Any] | None, *, default: bool, root: str) -> pb.SecurityProfile:
    kind = (profile or {}).get("type") or ("RuntimeDefault" if default else "Unconfined")
    if kind == "Localhost":
        path = f"{root}/seccomp/{(profile or {}).get('localhostProfile', '')}"
        return pb.SecurityProfile(profile_type=pb.SecurityProfile.Localhost, localhost_ref=path)
    if kind == "RuntimeDefault":
        return pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault)
    return pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined)


def _apparmor(profile: dict[str, Any] | None) -> pb.SecurityProfile | None:
    if not profile:
        return None
    kinds = {"RuntimeDefault": pb.SecurityProfile.RuntimeDefault, "Localhost": pb.SecurityProfile.Localhost}
    kind = kinds.get(profile.get("type", ""), pb.SecurityProfile.Unconfined)
    return pb.SecurityProfile(profile_type=kind, localhost_ref=profile.get("localhostProfile") or "")


def sandbox(pod: Pod, *, root: str) -> pb.LinuxSandboxSecurityContext:
    shared = _pod_context(pod)
    context = pb.LinuxSandboxSecurityContext(
        namespace_options=namespaces(pod),
        privileged=any(is_privileged(container) for container in all_containers(pod)),
        # The sandbox's own process needs nothing, whatever the pod says.
        seccomp=_seccomp({"type": "RuntimeDefault"}, default=True, root=root),
        supplemental_groups=supplemental_groups(pod),
    )
    if context.privileged:
        context.seccomp.CopyFrom(pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined))
    if shared.get("runAsUser") is not None:
        context.run_as_user.value = int(shared["runAsUser"])
        if shared.get("runAsGroup") is not None:
            context.run_as_group.value = int(shared["runAsGroup"])
    return context


def verify_non_root(pod: Pod, container: Container, image: pb.Image) -> None:
    """Raises ConfigError when runAsNonRoot is asked for and the user is, or may be, root."""
    context = effective(pod, container)
    if not context.get("runAsNonRoot"):
        return
    where = f'(pod: "{told(pod)}", container: {container["name"]})'
    if context.get("runAsUser") is not None:
        if int(context["runAsUser"]) == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image.HasField("uid"):
        if image.uid.value == 0:
            raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")
    elif image.username:
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}),"
            f" cannot verify user is non-root {where}"
        )
    else:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")


def container_context(
    pod: Pod, container: Container, image: pb.Image, *, root: str, seccomp_default: bool, target: str = ""
) -> pb.LinuxContainerSecurityContext:
    context = effective(pod, container)
    capabilities = context.get("capabilities") or {}
    result = pb.LinuxContainerSecurityContext(
        namespace_options=namespaces(pod, container, target),
        privileged=bool(context.get("privileged")),
        readonly_rootfs=bool(context.get("readOnlyRootFilesystem")),
        supplemental_groups=supplemental_groups(pod),
        no_new_privs=context.get("allowPrivilegeEscalation") is False,
        seccomp=_seccomp(context.get("seccompProfile"), default=seccomp_default, root=root),
        apparmor=_apparmor(context.get("appArmorProfile")),
        capabilities=pb.Capability(
            add_capabilities=capabilities.get("add") or [], drop_capabilities=capabilities.get("drop") or []
        ),
    )
    if result.privileged:
        result.seccomp.CopyFrom(pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined))
    if context.get("procMount") != "Unmasked":
        result.masked_paths.extend(_MASKED)
        result.readonly_paths.extend(_READ_ONLY)
    if _pod_context(pod).get("supplementalGroupsPolicy") == "Strict":
        result.supplemental_groups_policy = pb.Strict
    if context.get("runAsUser") is not None:
        result.run_as_user.value = int(context["runAsUser"])
    elif image.HasField("uid"):
        result.run_as_user.value = image.uid.value
    elif image.username:
        result.run_as_username = image.username
    if context.get("runAsGroup") is not None:
        result.run_as_group.value = int(context["runAsGroup"])
    return result
