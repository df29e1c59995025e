"""The checks that the restricted level adds.

Source: upstream staging/src/k8s.io/pod-security-admission/policy/check_*.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.admission.pod_security_policy.baseline import check_seccomp_19, has_bad_seccomp
from kprov.kube.apiserver.admission.pod_security_policy.violation import (
    Check,
    Violation,
    find_context,
    find_setters,
    format_containers,
    is_in_user_namespace,
    is_on_windows,
    list_containers,
    pluralize,
    quote,
)
from kprov.kube.machinery.json_object import JsonMapping

_VOLUMES: Final = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
    "secret",
})  # fmt: skip
#: The types of volumes, in the order in which upstream checks them.
_RESTRICTED_VOLUMES: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
    "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
    "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos",
)  # fmt: skip


def _skip_windows(check: Check) -> Check:
    def check_policy(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
        return None if is_on_windows(spec) else check(metadata, spec)

    return check_policy


def _skip_user_namespaces(check: Check) -> Check:
    def check_policy(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
        return None if is_in_user_namespace(spec) else check(metadata, spec)

    return check_policy


def check_privilege_escalation(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    bad = [
        container["name"]
        for container in list_containers(spec)
        if find_context(container).get("allowPrivilegeEscalation") is not False
    ]
    if not bad:
        return None
    text = f"{format_containers(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", text)


privilege_escalation_25 = _skip_windows(check_privilege_escalation)


def check_capabilities(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    keeping, adding, wrong = [], [], set()
    for container in list_containers(spec):
        capabilities = find_context(container).get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or ()):
            keeping.append(container["name"])
        extra = set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}
        if extra:
            adding.append(container["name"])
            wrong |= extra
    told = []
    if keeping:
        told.append(f'{format_containers(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        names = quote(sorted(wrong))
        text = f"{format_containers(adding)} must not include {names} in securityContext.capabilities.add"
        told.append(text)
    return Violation("unrestricted capabilities", "; ".join(told)) if told else None


capabilities_25 = _skip_windows(check_capabilities)


def check_volumes(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    bad = [
        volume
        for volume in spec.get("volumes") or ()
        if not any(volume.get(kind) is not None for kind in _VOLUMES)
    ]
    if not bad:
        return None
    kinds = {
        next((kind for kind in _RESTRICTED_VOLUMES if bad_volume.get(kind) is not None), "unknown")
        for bad_volume in bad
    }
    what = f"{pluralize('restricted volume type', len(kinds))} {quote(sorted(kinds))}"
    names = quote(bad_volume["name"] for bad_volume in bad)
    verb = pluralize("uses", len(bad), "use")
    return Violation("restricted volume types", f"{pluralize('volume', len(bad))} {names} {verb} {what}")


def check_run_as_non_root(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    who = find_setters(spec, lambda context: context.get("runAsNonRoot") is False)
    if who:
        text = f"{' and '.join(who)} must not set securityContext.runAsNonRoot=false"
        return Violation("runAsNonRoot != true", text)
    lacking = [
        container["name"]
        for container in list_containers(spec)
        if find_context(container).get("runAsNonRoot") is None
    ]
    if find_context(spec).get("runAsNonRoot") or not lacking:
        return None
    text = f"pod or {format_containers(lacking)} must set securityContext.runAsNonRoot=true"
    return Violation("runAsNonRoot != true", text)


run_as_non_root_35 = _skip_user_namespaces(check_run_as_non_root)


def check_run_as_user(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    del metadata
    who = find_setters(spec, lambda context: context.get("runAsUser") == 0)
    return Violation("runAsUser=0", f"{' and '.join(who)} must not set runAsUser=0") if who else None


run_as_user_35 = _skip_user_namespaces(check_run_as_user)


def check_seccomp(metadata: JsonMapping, spec: JsonMapping) -> Violation | None:
    violation = check_seccomp_19(metadata, spec)
    if violation is not None:
        return violation
    own = find_context(spec)
    if own.get("seccompProfile") is not None and not has_bad_seccomp(own):
        return None
    lacking = [
        container["name"]
        for container in list_containers(spec)
        if find_context(container).get("seccompProfile") is None
    ]
    if not lacking:
        return None
    text = (
        f"pod or {format_containers(lacking)} must set securityContext.seccompProfile.type to "
        '"RuntimeDefault" or "Localhost"'
    )
    return Violation("seccompProfile", text)


seccomp_25 = _skip_windows(check_seccomp)
