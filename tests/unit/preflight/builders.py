"""Hosts without a problem, which tests spoil."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kprov.inventory.cluster.variables import ClusterVariables
from kprov.preflight import components
from kprov.preflight.check_table import BY_NAME
from kprov.preflight.facts import HostFacts, HostProbes
from kprov.preflight.fleet import Fleet, PreflightHost
from kprov.preflight.model import Problem

ALL = frozenset({"kube_control_plane", "etcd", "kube_node"})
FEATURES = (
    "overlayfs",
    "bridge netfilter",
    "connection tracking",
    "seccomp",
    "bpf",
    "nftables",
    "network namespaces",
)


def make_facts(number: int) -> dict[str, Any]:
    """The facts of a good host, as the agent sends them."""
    return {
        "system": {
            "kernel": "6.12.38+deb13-amd64",
            "architecture": "x86_64",
            "cpus": 2,
            "memory_mb": 2000,
            "cgroups": {"version": 2, "controllers": ["cpuset", "cpu", "io", "memory", "pids"]},
            "features": dict.fromkeys(FEATURES, True),
            "clock_synchronized": True,
        },
        "identity": {
            "machine_id": f"{number:032x}",
            "host_name": f"node{number}",
            "product_uuid": f"uuid-{number}",
            "macs": {"eth0": f"52:54:00:00:00:{number:02x}", "docker0": "02:42:00:00:00:01"},
        },
        "space": {
            path: {"mount": "/", "device": "1", "free_mb": 9000}
            for path in ("/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubelet", "/opt/kprov")
        },
        "network": {
            "addresses": [
                {"interface": "lo", "address": "127.0.0.1"},
                {"interface": "eth0", "address": f"192.0.2.{number}"},
            ],
            "routes": [
                {"destination": "0.0.0.0/0", "interface": "eth0"},
                {"destination": "192.0.2.0/24", "interface": "eth0"},
            ],
            "mtus": {"eth0": 1500},
            "resolv_conf": {"nameservers": ["192.0.2.254"]},
        },
    }


def make_host(
    number: int = 1,
    *,
    groups: frozenset[str] = ALL,
    installed: bool = False,
    variables: dict[str, Any] | None = None,
    probes: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    **fields: Any,
) -> PreflightHost:
    """A good host; `facts` replace some of each subject's."""
    known = make_facts(number)
    if installed:
        known["software"] = {"own": list(components.list_own_files())}
    for subject, values in (facts or {}).items():
        known[subject] = values if isinstance(values, list) else {**known.get(subject, {}), **values}
    return PreflightHost(
        **{
            "name": f"node{number}",
            "address": f"192.0.2.{number}",
            "groups": groups,
            "variables": ClusterVariables.model_validate(variables or {}),
            "facts": HostFacts.model_validate(known),
            "python": "3.13.5",
            "probes": None if probes is None else HostProbes.model_validate(probes),
            **fields,
        }
    )


def find(check: str, *hosts: PreflightHost, **fields: Any) -> list[Problem]:
    """The problems that a check finds."""
    return list(BY_NAME[check].find(Fleet(hosts, **fields)))


def details(check: str, *hosts: PreflightHost, **fields: Any) -> Iterator[str]:
    """The problems as text: host, severity of its own, detail."""
    for problem in find(check, *hosts, **fields):
        own = f" {problem.severity}" if problem.severity else ""
        yield f"{problem.host}{own}: {problem.detail}"
