"""The checks of a level in a version (upstream pod-security-admission/policy/registry.go)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from kprov.kube.apiserver.admission.pod_security_policy import baseline, restricted
from kprov.kube.apiserver.admission.pod_security_policy.levels import BASELINE, PRIVILEGED, LevelVersion
from kprov.kube.apiserver.admission.pod_security_policy.violation import Check, Violation
from kprov.kube.machinery.json_object import JsonMapping

#: By upstream's name: (first minor version, check), ascending.
_Versions = tuple[tuple[int, Check], ...]
_BASELINE: Final[dict[str, _Versions]] = {
    "appArmorProfile": ((0, baseline.check_app_armor),),
    "capabilities_baseline": ((0, baseline.check_capabilities),),
    "hostNamespaces": ((0, baseline.check_host_namespaces),),
    "hostPathVolumes": ((0, baseline.check_host_path_volumes),),
    "hostPorts": ((0, baseline.check_host_ports),),
    "hostProbesAndHostLifecycle": ((34, baseline.check_host_probes),),
    "privileged": ((0, baseline.check_privileged),),
    "procMount": ((0, baseline.check_proc_mount), (35, baseline.check_proc_mount_35)),
    "seLinuxOptions": ((0, baseline.selinux), (31, baseline.selinux_31)),
    "seccompProfile_baseline": ((0, baseline.check_seccomp), (19, baseline.check_seccomp_19)),
    "sysctls": (
        (0, baseline.sysctls),
        (27, baseline.sysctls_27),
        (29, baseline.sysctls_29),
        (32, baseline.sysctls_32),
    ),
    "windowsHostProcess": ((0, baseline.check_windows_host_process),),
}
_RESTRICTED: Final[dict[str, _Versions]] = {
    "allowPrivilegeEscalation": (
        (8, restricted.check_privilege_escalation),
        (25, restricted.privilege_escalation_25),
    ),
    "capabilities_restricted": ((22, restricted.check_capabilities), (25, restricted.capabilities_25)),
    "procMount_restricted": ((35, baseline.check_proc_mount),),
    "restrictedVolumes": ((0, restricted.check_volumes),),
    "runAsNonRoot": ((0, restricted.check_run_as_non_root), (35, restricted.run_as_non_root_35)),
    "runAsUser": ((23, restricted.check_run_as_user), (35, restricted.run_as_user_35)),
    "seccompProfile_restricted": ((19, restricted.check_seccomp), (25, restricted.seccomp_25)),
}
#: Restricted checks that include a baseline check.
_OVERRIDES: Final = {
    "capabilities_restricted": "capabilities_baseline",
    "procMount_restricted": "procMount",
    "restrictedVolumes": "hostPathVolumes",
    "seccompProfile_restricted": "seccompProfile_baseline",
}


def evaluate(level: LevelVersion, metadata: JsonMapping, spec: JsonMapping) -> list[Violation]:
    """Return the violations of a pod at a level."""
    if level.level == PRIVILEGED:
        return []
    results = (check(metadata, spec) for check in list_checks(level))
    return [violation for violation in results if violation is not None]


@lru_cache(maxsize=256)
def list_checks(level: LevelVersion) -> tuple[Check, ...]:
    """Return the baseline checks, then the restricted ones, each by name."""
    base = _select_versions(_BASELINE, level.minor)
    if level.level == BASELINE:
        return tuple(base[name] for name in sorted(base))
    strict = _select_versions(_RESTRICTED, level.minor)
    overridden = {_OVERRIDES[name] for name in strict if name in _OVERRIDES}
    kept = [base[name] for name in sorted(base) if name not in overridden]
    return (*kept, *(strict[name] for name in sorted(strict)))


def _select_versions(table: dict[str, _Versions], minor: int) -> dict[str, Check]:
    checks = {}
    for name, versions in table.items():
        fitting = [check for since, check in versions if since <= minor]
        if fitting:
            checks[name] = fitting[-1]
    return checks
