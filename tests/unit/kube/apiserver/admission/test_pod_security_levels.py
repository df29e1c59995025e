"""The Pod Security Standards: which check belongs to which level and version, and what labels ask for."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.admission.pod_security_policy.evaluator import evaluate, list_checks
from kprov.kube.apiserver.admission.pod_security_policy.levels import (
    BASELINE,
    LATEST,
    PREFIX,
    RESTRICTED,
    LevelVersion,
    Policy,
    parse_labels,
)

FINE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def reasons(level: LevelVersion, **spec: Any) -> list[str]:
    containers = [{"name": "c", "securityContext": FINE}]
    return [each.reason for each in evaluate(level, {}, {"containers": containers} | spec)]


@pytest.mark.parametrize(
    ("level", "minor", "count"),
    [
        (BASELINE, 0, 11), (BASELINE, 33, 11), (BASELINE, 34, 12), (BASELINE, LATEST, 12),
        (RESTRICTED, 0, 12), (RESTRICTED, 8, 13), (RESTRICTED, 19, 13), (RESTRICTED, 22, 13),
        (RESTRICTED, 23, 14), (RESTRICTED, 34, 15), (RESTRICTED, 35, 15), (RESTRICTED, LATEST, 15),
    ],
)  # fmt: skip
def test_how_many_checks_a_level_has(level: str, minor: int, count: int) -> None:
    assert len(list_checks(LevelVersion(level, minor))) == count


def test_a_pod_that_says_everything_passes_every_version() -> None:
    for minor in (*range(37), LATEST):
        assert reasons(LevelVersion(RESTRICTED, minor)) == []


@pytest.mark.parametrize(
    ("minor", "sysctl", "allowed"),
    [
        (26, "net.ipv4.ip_local_reserved_ports", False),
        (27, "net.ipv4.ip_local_reserved_ports", True),
        (28, "net.ipv4.tcp_fin_timeout", False),
        (29, "net.ipv4.tcp_fin_timeout", True),
        (31, "net.ipv4.tcp_rmem", False),
        (32, "net.ipv4.tcp_rmem", True),
    ],
)
def test_sysctls_by_version(minor: int, sysctl: str, allowed: bool) -> None:
    context = {"sysctls": [{"name": sysctl, "value": "1"}]}
    found = reasons(LevelVersion(BASELINE, minor), securityContext=context)
    assert found == ([] if allowed else ["forbidden sysctls"])


def test_a_user_namespace_lets_a_pod_be_root_in_it() -> None:
    context = FINE | {"runAsNonRoot": False, "runAsUser": 0}
    spec = {"containers": [{"name": "c", "securityContext": context}], "hostUsers": False}
    assert reasons(LevelVersion(RESTRICTED, 34), **spec) == ["runAsNonRoot != true", "runAsUser=0"]
    assert reasons(LevelVersion(RESTRICTED, 35), **spec) == []


def test_windows_pods_need_not_say_what_linux_knows() -> None:
    bare = {
        "containers": [{"name": "c"}],
        "os": {"name": "windows"},
        "securityContext": {"runAsNonRoot": True},
    }
    assert len(reasons(LevelVersion(RESTRICTED, 24), **bare)) == 3
    assert reasons(LevelVersion(RESTRICTED, 25), **bare) == []


def test_warnings_follow_what_is_enforced() -> None:
    policy, errors = parse_labels(
        {PREFIX + "enforce": "baseline", PREFIX + "enforce-version": "v1.20"}, Policy()
    )
    assert not errors
    assert policy.enforce == policy.warn == LevelVersion(BASELINE, 20)
    policy, _ = parse_labels({PREFIX + "enforce": "baseline", PREFIX + "warn": "privileged"}, Policy())
    assert policy.warn.level == "privileged"


def test_wrong_labels_enforce_the_most_and_warn_of_nothing() -> None:
    labels = {PREFIX + mode: "x" for mode in ("enforce", "audit", "warn")}
    policy, errors = parse_labels(labels, Policy())
    assert len(errors) == 3
    assert [policy.enforce.level, policy.audit.level, policy.warn.level] == [
        "restricted", "privileged", "privileged",
    ]  # fmt: skip


def test_policies_that_are_privileged_in_different_versions_are_equivalent() -> None:
    assert Policy().is_equivalent(Policy(warn=LevelVersion(minor=29)))
    assert not Policy().is_equivalent(Policy(warn=LevelVersion("baseline")))
