"""Sysctls that a pod may set, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods.admission import PodAdmission
from kprov.kube.kubelet.pods.sysctls import SysctlRules
from kprov.kube.kubelet.runtime.sandbox_config import generate_pod_sandbox_config
from tests.unit.kube.kubelet.kubelet_builders import pod

RULES = SysctlRules(["kernel.msg*", "net.core.somaxconn"], "6.12.0")


def find_problem(name: str, rules: SysctlRules = RULES, **spec: Any) -> str | None:
    return rules.find_problem(pod(securityContext={"sysctls": [{"name": name, "value": "1"}]}, **spec))


@pytest.mark.parametrize(
    "name",
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.tcp_rmem",
        "net/ipv4/ping_group_range",
        "kernel.msgmax",
        "net.core.somaxconn",
    ],
)
def test_safe_and_allowed_sysctls_pass(name: str) -> None:
    assert find_problem(name) is None


@pytest.mark.parametrize(
    "name", ["kernel.panic", "vm.swappiness", "net.core.somaxconn2", "net.ipv4.ip_forward", "kernel.sem"]
)
def test_others_are_refused(name: str) -> None:
    assert find_problem(name) == f'forbidden sysctl: "{name}" not allowlisted'


def test_sysctls_of_the_hosts_namespaces_are_refused() -> None:
    text = 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled'
    assert find_problem("net.ipv4.tcp_syncookies", hostNetwork=True) == text
    text = 'forbidden sysctl: "kernel.msgmax" not allowed with host IPC enabled'
    assert find_problem("kernel.msgmax", hostIPC=True) == text


def test_an_old_kernel_has_fewer_safe_ones() -> None:
    assert find_problem("net.ipv4.tcp_rmem", SysctlRules([], "4.14.1")) is not None
    assert find_problem("net.ipv4.tcp_fin_timeout", SysctlRules([], "4.14.1")) is None


@pytest.mark.parametrize("pattern", ["", "kernel.panic", "vm.*", "net.*.x", "a b", "*", "kernel.*"])
def test_a_pattern_that_no_namespace_covers_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="allowedUnsafeSysctls: "):
        SysctlRules([pattern])


def test_the_pod_is_rejected_with_upstreams_reason_also_if_it_is_critical() -> None:
    made = pod(securityContext={"sysctls": [{"name": "kernel.panic", "value": "1"}]}, priority=2_000_000_000)
    rejection = PodAdmission({}, 10, None, RULES).admit(made, [])
    assert rejection is not None
    assert rejection.reason == "SysctlForbidden"
    assert rejection.message == 'forbidden sysctl: "kernel.panic" not allowlisted'


def test_the_runtime_gets_names_with_dots() -> None:
    made = pod(securityContext={"sysctls": [{"name": "net/ipv4/conf/eth0.1/rp_filter", "value": "1"}]})
    users = pb.UserNamespace(mode=pb.NODE)
    config = generate_pod_sandbox_config(made, 0, KubeletConfiguration(), users)
    assert dict(config.linux.sysctls) == {"net.ipv4.conf.eth0/1.rp_filter": "1"}
