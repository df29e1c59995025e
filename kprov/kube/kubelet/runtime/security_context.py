"""Security contexts of sandboxes and containers in the form of the CRI."""

from typing import Any, Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.pods.pod_queries import format_pod, list_containers

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


def _get_pod_context(pod: Pod) -> dict[str, Any]:
    return pod.spec.security_context or {}


def merge_contexts(pod: Pod, container: Container) -> dict[str, Any]:
    """Return the container's settings, and the pod's where the container has none."""
    own, shared = container.security_context or {}, _get_pod_context(pod)
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
    return bool((container.security_context or {}).get("privileged"))


def list_supplemental_groups(pod: Pod) -> list[int]:
    context = _get_pod_context(pod)
    groups = [int(context["fsGroup"])] if context.get("fsGroup") is not None else []
    return list(dict.fromkeys([*groups, *(context.get("supplementalGroups") or [])]))


def make_namespaces(
    pod: Pod, users: pb.UserNamespace, container: Container | None = None, target: str = ""
) -> pb.NamespaceOption:
    """Namespaces of the sandbox or of a container. `target`: the id of an ephemeral container's target."""
    spec = pod.spec
    if spec.host_pid:
        pid = pb.NODE
    elif spec.share_process_namespace:
        pid = pb.POD
    else:
        pid = pb.CONTAINER
    if container is not None and target and pid == pb.CONTAINER:
        pid = pb.TARGET
    return pb.NamespaceOption(
        network=pb.NODE if spec.host_network else pb.POD,
        pid=pid,
        ipc=pb.NODE if spec.host_ipc else pb.POD,
        target_id=target if pid == pb.TARGET else "",
        userns_options=users,
    )


def _make_seccomp(profile: dict[str, Any] | None, *, default: bool, root: str) -> pb.SecurityProfile:
    kind = (profile or {}).get("type") or ("RuntimeDefault" if default else "Unconfined")
    if kind == "Localhost":
        path = f"{root}/seccomp/{(profile or {}).get('localhostProfile', '')}"
        return pb.SecurityProfile(profile_type=pb.SecurityProfile.Localhost, localhost_ref=path)
    if kind == "RuntimeDefault":
        return pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault)
    return pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined)


def _make_apparmor(profile: dict[str, Any] | None) -> pb.SecurityProfile | None:
    if not profile:
        return None
    kinds = {"RuntimeDefault": pb.SecurityProfile.RuntimeDefault, "Localhost": pb.SecurityProfile.Localhost}
    kind = kinds.get(profile.get("type", ""), pb.SecurityProfile.Unconfined)
    return pb.SecurityProfile(profile_type=kind, localhost_ref=profile.get("localhostProfile") or "")


def make_sandbox_context(pod: Pod, users: pb.UserNamespace, *, root: str) -> pb.LinuxSandboxSecurityContext:
    shared = _get_pod_context(pod)
    context = pb.LinuxSandboxSecurityContext(
        namespace_options=make_namespaces(pod, users),
        privileged=any(is_privileged(container) for container in list_containers(pod)),
        # The sandbox's own process needs no privileges, whatever the pod says.
        seccomp=_make_seccomp({"type": "RuntimeDefault"}, default=True, root=root),
        supplemental_groups=list_supplemental_groups(pod),
    )
    if context.privileged:
        context.seccomp.CopyFrom(pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined))
    if shared.get("runAsUser") is not None:
        context.run_as_user.value = int(shared["runAsUser"])
        if shared.get("runAsGroup") is not None:
            context.run_as_group.value = int(shared["runAsGroup"])
    return context


def verify_non_root(pod: Pod, container: Container, image: pb.Image) -> None:
    """Raise ContainerConfigError if runAsNonRoot is set and the user is, or may be, root."""
    context = merge_contexts(pod, container)
    if not context.get("runAsNonRoot"):
        return
    where = f'(pod: "{format_pod(pod)}", container: {container.name})'
    if context.get("runAsUser") is not None:
        if int(context["runAsUser"]) == 0:
            raise ContainerConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image.HasField("uid"):
        if image.uid.value == 0:
            raise ContainerConfigError(f"container has runAsNonRoot and image will run as root {where}")
    elif image.username:
        raise ContainerConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}),"
            f" cannot verify user is non-root {where}"
        )
    else:
        raise ContainerConfigError(f"container has runAsNonRoot and image will run as root {where}")


def make_container_context(
    pod: Pod,
    container: Container,
    image: pb.Image,
    *,
    users: pb.UserNamespace,
    root: str,
    seccomp_default: bool,
    target: str = "",
) -> pb.LinuxContainerSecurityContext:
    context = merge_contexts(pod, container)
    capabilities = context.get("capabilities") or {}
    result = pb.LinuxContainerSecurityContext(
        namespace_options=make_namespaces(pod, users, container, target),
        privileged=bool(context.get("privileged")),
        readonly_rootfs=bool(context.get("readOnlyRootFilesystem")),
        supplemental_groups=list_supplemental_groups(pod),
        no_new_privs=context.get("allowPrivilegeEscalation") is False,
        seccomp=_make_seccomp(context.get("seccompProfile"), default=seccomp_default, root=root),
        apparmor=_make_apparmor(context.get("appArmorProfile")),
        capabilities=pb.Capability(
            add_capabilities=capabilities.get("add") or [], drop_capabilities=capabilities.get("drop") or []
        ),
    )
    if result.privileged:
        result.seccomp.CopyFrom(pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined))
    if context.get("procMount") != "Unmasked":
        result.masked_paths.extend(_MASKED)
        result.readonly_paths.extend(_READ_ONLY)
    if _get_pod_context(pod).get("supplementalGroupsPolicy") == "Strict":
        result.supplemental_groups_policy = pb.Strict
    _set_user(result, context, image)
    return result


def _set_user(result: pb.LinuxContainerSecurityContext, context: dict[str, Any], image: pb.Image) -> None:
    """Set the context's user, else the image's."""
    if context.get("runAsUser") is not None:
        result.run_as_user.value = int(context["runAsUser"])
    elif image.HasField("uid"):
        result.run_as_user.value = image.uid.value
    elif image.username:
        result.run_as_username = image.username
    if context.get("runAsGroup") is not None:
        result.run_as_group.value = int(context["runAsGroup"])
