"""The checks that the restricted level adds.

Source: upstream staging/src/k8s.io/pod-security-admission/policy/check_*.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.admission.pod_security_policy.baseline import has_bad_seccomp, seccomp_19
from kprov.kube.apiserver.admission.pod_security_policy.violation import (
    Check,
    Object,
    Violation,
    containers,
    context_of,
    in_user_namespace,
    named,
    on_windows,
    plural,
    quoted,
    setters,
)

_VOLUMES: Final = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
    "secret",
})  # fmt: skip
#: In the order in which a volume's kind is looked for.
_RESTRICTED_VOLUMES: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
    "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
    "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos",
)  # fmt: skip


def _but_windows(check: Check) -> Check:
    def checked(metadata: Object, spec: Object) -> Violation | None:
        return None if on_windows(spec) else check(metadata, spec)

    return checked


def _but_user_namespaces(check: Check) -> Check:
    def checked(metadata: Object, spec: Object) -> Violation | None:
        return None if in_user_namespace(spec) else check(metadata, spec)

    return checked


def privilege_escalation(metadata: Object, spec: Object) -> Violation | None:
    del metadata
    bad = [
        each["name"]
        for each in containers(spec)
        if context_of(each).get("allowPrivilegeEscalation") is not False
    ]
    if not bad:
        return None
    text = f"{named(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", text)


privilege_escalation_25 = _but_windows(privilege_escalation)


def capabilities(metadata: Object, spec: Object) -> Violation | None:
    del metadata
    keeping, adding, wrong = [], [], set()
    for container in containers(spec):
        found = context_of(container).get("capabilities") or {}
        if "ALL" not in (found.get("drop") or ()):
            keeping.append(container["name"])
        extra = set(found.get("add") or ()) - {"NET_BIND_SERVICE"}
        if extra:
            adding.append(container["name"])
            wrong |= extra
    told = []
    if keeping:
        told.append(f'{named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        text = f"{named(adding)} must not include {quoted(sorted(wrong))} in securityContext.capabilities.add"
        told.append(text)
    return Violation("unrestricted capabilities", "; ".join(told)) if told else None


capabilities_25 = _but_windows(capabilities)


def volumes(metadata: Object, spec: Object) -> Violation | None:
    del metadata
    bad = [
        each for each in spec.get("volumes") or () if not any(each.get(kind) is not None for kind in _VOLUMES)
    ]
    if not bad:
        return None
    kinds = {
        next((kind for kind in _RESTRICTED_VOLUMES if each.get(kind) is not None), "unknown") for each in bad
    }
    what = f"{plural('restricted volume type', len(kinds))} {quoted(sorted(kinds))}"
    names = quoted(each["name"] for each in bad)
    verb = plural("uses", len(bad), "use")
    return Violation("restricted volume types", f"{plural('volume', len(bad))} {names} {verb} {what}")


def run_as_non_root(metadata: Object, spec: Object) -> Violation | None:
    del metadata
    who = setters(spec, lambda context: context.get("runAsNonRoot") is False)
    if who:
        text = f"{' and '.join(who)} must not set securityContext.runAsNonRoot=false"
        return Violation("runAsNonRoot != true", text)
    lacking = [each["name"] for each in containers(spec) if context_of(each).get("runAsNonRoot") is None]
    if context_of(spec).get("runAsNonRoot") or not lacking:
        return None
    text = f"pod or {named(lacking)} must set securityContext.runAsNonRoot=true"
    return Violation("runAsNonRoot != true", text)


run_as_non_root_35 = _but_user_namespaces(run_as_non_root)


def run_as_user(metadata: Object, spec: Object) -> Violation | None:
    del metadata
    who = setters(spec, lambda context: context.get("runAsUser") == 0)
    return Violation("runAsUser=0", f"{' and '.join(who)} must not set runAsUser=0") if who else None


run_as_user_35 = _but_user_namespaces(run_as_user)


def seccomp(metadata: Object, spec: Object) -> Violation | None:
    violation = seccomp_19(metadata, spec)
    if violation is not None:
        return violation
    own = context_of(spec)
    if own.get("seccompProfile") is not None and not has_bad_seccomp(own):
        return None
    lacking = [each["name"] for each in containers(spec) if context_of(each).get("seccompProfile") is None]
    if not lacking:
        return None
    text = (
        f"pod or {named(lacking)} must set securityContext.seccompProfile.type to "
        '"RuntimeDefault" or "Localhost"'
    )
    return Violation("seccompProfile", text)


seccomp_25 = _but_windows(seccomp)
