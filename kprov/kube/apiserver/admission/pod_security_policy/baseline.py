"""The checks of the baseline level.

Source: upstream staging/src/k8s.io/pod-security-admission/policy/check_*.go.
"""

from __future__ import annotations

import json
from typing import Final

from kprov.kube.apiserver.admission.pod_security_policy.violation import (
    Check,
    Violation,
    find_context,
    find_setters,
    format_containers,
    is_in_user_namespace,
    list_containers,
    pluralize,
    quote,
)
from kprov.kube.machinery.json_object import JsonMapping

_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
_PROFILES: Final = frozenset({"RuntimeDefault", "Localhost"})
_CAPABILITIES: Final = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
_SELINUX: Final = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_SYSCTLS: Final = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
})  # fmt: skip
_SYSCTLS_27: Final = _SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
_SYSCTLS_29: Final = _SYSCTLS_27 | {
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}  # fmt: skip
_SYSCTLS_32: Final = _SYSCTLS_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}


def check_app_armor(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    def profile(context: JsonMapping) -> str | None:
        app_armor_profile = context.get("appArmorProfile")
        return None if app_armor_profile is None else str(app_armor_profile.get("type", ""))

    def is_bad(context: JsonMapping) -> bool:
        profile_type = profile(context)
        return profile_type is not None and profile_type not in _PROFILES

    who = find_setters(spec, is_bad)
    contexts = [find_context(spec), *map(find_context, list_containers(spec))]
    values = sorted({str(profile(context)) for context in contexts if is_bad(context)})
    annotations = sorted(
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in (metadata.get("annotations") or {}).items()
        if key.startswith(_APP_ARMOR) and value and value != "runtime/default"
        if not value.startswith("localhost/")
    )
    if annotations:
        values += annotations
        who.append(pluralize("annotation", len(annotations)))
    if not who:
        return None
    return Violation(
        pluralize("forbidden AppArmor profile", len(values)),
        f"{' and '.join(who)} must not set AppArmor profile type to {quote(values)}",
    )


def check_capabilities(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    added = {
        container["name"]: set((find_context(container).get("capabilities") or {}).get("add") or ())
        - _CAPABILITIES
        for container in list_containers(spec)
    }
    bad = [name for name, extra in added.items() if extra]
    if not bad:
        return None
    wrong = quote(sorted(set().union(*added.values())))
    return Violation(
        "non-default capabilities",
        f"{format_containers(bad)} must not include {wrong} in securityContext.capabilities.add",
    )


def check_host_namespaces(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    settings = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return Violation("host namespaces", ", ".join(settings)) if settings else None


def check_host_path_volumes(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    volume_names = [
        volume["name"] for volume in spec.get("volumes") or () if volume.get("hostPath") is not None
    ]
    if not volume_names:
        return None
    return Violation("hostPath volumes", f"{pluralize('volume', len(volume_names))} {quote(volume_names)}")


def check_host_ports(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    used = {
        container["name"]: [
            str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")
        ]
        for container in list_containers(spec)
    }
    bad = [name for name, ports in used.items() if ports]
    if not bad:
        return None
    ports = sorted({port for container_ports in used.values() for port in container_ports})
    verb = pluralize("uses", len(bad), "use")
    return Violation(
        "hostPort", f"{format_containers(bad)} {verb} {pluralize('hostPort', len(ports))} {', '.join(ports)}"
    )


def check_host_probes(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    hosts: dict[str, set[str]] = {}
    for container in list_containers(spec):
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
        handlers += [lifecycle.get("postStart"), lifecycle.get("preStop")]
        for handler in handlers:
            for kind in ("httpGet", "tcpSocket"):
                host = ((handler or {}).get(kind) or {}).get("host")
                if host:
                    hosts.setdefault(container["name"], set()).add(host)
    if not hosts:
        return None
    wrong = sorted(set().union(*hosts.values()))
    verb = pluralize("uses", len(hosts), "use")
    return Violation(
        "probe or lifecycle host",
        f"{format_containers(sorted(hosts))} {verb} "
        f"{pluralize('probe or lifecycle host', len(wrong))} {quote(wrong)}",
    )


def check_privileged(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    bad = [
        container["name"] for container in list_containers(spec) if find_context(container).get("privileged")
    ]
    if not bad:
        return None
    return Violation("privileged", f"{format_containers(bad)} must not set securityContext.privileged=true")


def check_proc_mount(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    mounts = {
        container["name"]: find_context(container).get("procMount") for container in list_containers(spec)
    }
    bad = [name for name, mount in mounts.items() if mount not in {None, "Default"}]
    if not bad:
        return None
    wrong = quote(sorted({str(mounts[name]) for name in bad}))
    return Violation(
        "procMount", f"{format_containers(bad)} must not set securityContext.procMount to {wrong}"
    )


def check_proc_mount_35(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    return None if is_in_user_namespace(spec) else check_proc_mount(metadata, spec)


def _build_selinux_check(types: frozenset[str]) -> Check:
    def check(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
        del metadata

        def is_bad(context: JsonMapping) -> bool:
            options = context.get("seLinuxOptions") or {}
            return options.get("type", "") not in types or bool(options.get("user") or options.get("role"))

        who = find_setters(spec, is_bad)
        if not who:
            return None
        contexts = [find_context(spec), *map(find_context, list_containers(spec))]
        options = [context.get("seLinuxOptions") or {} for context in contexts]
        wrong = sorted({option.get("type", "") for option in options} - types)
        told = [f"{pluralize('type', len(wrong))} {quote(wrong)}"] if wrong else []
        told += [
            f"{name} may not be set"
            for name in ("user", "role")
            if any(option.get(name) for option in options)
        ]
        text = f"{' and '.join(who)} set forbidden securityContext.seLinuxOptions: {'; '.join(told)}"
        return Violation("seLinuxOptions", text)

    return check


selinux = _build_selinux_check(_SELINUX)
selinux_31 = _build_selinux_check(_SELINUX | {"container_engine_t"})


def check_seccomp(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    """Before 1.19 annotations had the profiles."""
    annotations = metadata.get("annotations") or {}
    keys = [_SECCOMP_POD, *(_SECCOMP_CONTAINER + container["name"] for container in list_containers(spec))]
    forbidden_annotations = sorted({
        f"{key}={json.dumps(annotations[key], ensure_ascii=False)}"
        for key in keys
        if key in annotations and annotations[key] not in {"runtime/default", "docker/default"}
        if not annotations[key].startswith("localhost/")
    })  # fmt: skip
    if not forbidden_annotations:
        return None
    return Violation(
        "seccompProfile",
        f"forbidden {pluralize('annotation', len(forbidden_annotations))} {', '.join(forbidden_annotations)}",
    )


def check_seccomp_19(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    who = find_setters(spec, has_bad_seccomp)
    if not who:
        return None
    contexts = [find_context(spec), *map(find_context, list_containers(spec))]
    wrong = sorted(
        {context["seccompProfile"].get("type", "") for context in contexts if has_bad_seccomp(context)}
    )
    return Violation(
        "seccompProfile",
        f"{' and '.join(who)} must not set securityContext.seccompProfile.type to {quote(wrong)}",
    )


def has_bad_seccomp(context: JsonMapping) -> bool:
    profile = context.get("seccompProfile")
    return profile is not None and profile.get("type", "") not in _PROFILES


def _build_sysctl_check(allowed: frozenset[str]) -> Check:
    def check(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
        del metadata
        forbidden_sysctls = [
            sysctl["name"]
            for sysctl in find_context(spec).get("sysctls") or ()
            if sysctl["name"] not in allowed
        ]
        return Violation("forbidden sysctls", ", ".join(forbidden_sysctls)) if forbidden_sysctls else None

    return check


sysctls = _build_sysctl_check(_SYSCTLS)
sysctls_27 = _build_sysctl_check(_SYSCTLS_27)
sysctls_29 = _build_sysctl_check(_SYSCTLS_29)
sysctls_32 = _build_sysctl_check(_SYSCTLS_32)


def check_windows_host_process(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    who = find_setters(spec, lambda context: bool((context.get("windowsOptions") or {}).get("hostProcess")))
    if not who:
        return None
    text = f"{' and '.join(who)} must not set securityContext.windowsOptions.hostProcess=true"
    return Violation("hostProcess", text)
