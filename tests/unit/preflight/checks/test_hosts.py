"""Checks of a single host: system, resources, software, ports, network."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.preflight.facts import HostFacts
from tests.unit.preflight.builders import ALL, FEATURES, details, make_facts, make_host

NODE = frozenset({"kube_node"})
Facts = dict[str, Any]


def listener(port: int, address: str, *, unit: str = "", process: str = "nc", protocol: str = "tcp") -> Facts:
    return {
        "protocol": protocol,
        "address": address,
        "port": port,
        "pid": 7,
        "process": process,
        "unit": unit,
    }


@pytest.mark.parametrize(
    ("check", "facts", "expected"),
    [
        ("architecture", {"system": {"architecture": "armv7l"}}, "node1: the architecture is armv7l; kprov supports x86_64 and aarch64"),
        ("systemd", {"system": {"systemd": False}}, "node1: the host was not booted with systemd"),
        ("kernel", {"system": {"kernel": "4.15.0-1"}}, "node1: the kernel is 4.15.0-1; 4.19 or newer is needed"),
        ("kernel", {"system": {"kernel": "6.1-rc1"}}, None),
        (
            "kernel",
            {"system": {"features": {**dict.fromkeys(FEATURES, True), "overlayfs": False, "nftables": False}}},
            "node1: the kernel 6.12.38+deb13-amd64 lacks nftables, overlayfs",
        ),
        (
            "kernel",
            {"system": {"features": {"overlayfs": None}}},
            "node1 warning: nothing shows whether the kernel 6.12.38+deb13-amd64 has overlayfs",
        ),
        # runc limits devices by BPF only with cgroup v2.
        ("kernel", {"system": {"features": {"bpf": False}, "cgroups": {"version": 1, "controllers": []}}}, None),
        (
            "cgroups",
            {"system": {"cgroups": {"version": 2, "controllers": ["cpu", "cpuset", "io"]}}},
            "node1: cgroup v2 has no controller memory, pids",
        ),
        ("memory", {"system": {"memory_mb": 1699}}, "node1: the memory is 1699 MB; a control plane host needs 1700 (minimal_master_memory_mb)"),
        ("cpus", {"system": {"cpus": 1}}, "node1: CPUs: 1; a control plane host needs 2 (preflight_control_plane_cpus)"),
        ("swap", {"system": {"swap": ["/dev/sda2"]}}, "node1: swap is on: /dev/sda2"),
        ("clock-sync", {"system": {"clock_synchronized": False}}, "node1: no time service synchronizes the clock"),
        # The clock of a container is that of its machine.
        ("clock-sync", {"system": {"clock_synchronized": False, "container": "systemd-nspawn"}}, None),
        ("clock-sync", {"system": {"clock_synchronized": None}}, None),
        (
            "address",
            {"network": {"addresses": [{"interface": "eth0", "address": "198.51.100.9"}]}},
            "node1: no interface has its address 192.0.2.1; it has 198.51.100.9",
        ),
        ("other-cluster", {"software": {"units": {"k3s.service": {"active": True}}}}, "node1: k3s is installed: k3s.service"),
        ("other-cluster", {"software": {"paths": ["/var/snap/microk8s"]}}, "node1: MicroK8s is installed: /var/snap/microk8s"),
        (
            "other-cluster",
            {"software": {"units": {"kubelet.service": {"active": False, "path": "/usr/lib/systemd/system/kubelet.service"}}}},
            "node1: another kubelet is installed: /usr/lib/systemd/system/kubelet.service",
        ),
        ("other-cluster", {"software": {"own": ["kubelet"], "units": {"kubelet.service": {"active": True}}}}, None),
        (
            "container-engine",
            {"software": {"packages": ["containerd.io"]}},
            "node1: Docker's package containerd.io is installed, which the package containerd replaces",
        ),
        (
            "container-engine",
            {"software": {"units": {"docker.service": {"active": True}}}},
            "node1 warning: Docker runs; it sets the firewall's FORWARD policy to drop, which stops traffic of pods",
        ),
        ("container-engine", {"software": {"units": {"docker.service": {"active": False}}}}, None),
        (
            "etcd-data",
            {"software": {"etcd_data": ["a", "b", "c", "member"]}},
            "node1: /var/lib/etcd has data that is not this cluster's: a, b, c, ...",
        ),
        ("etcd-data", {"software": {"etcd_data": ["member"], "own": ["etcd"]}}, None),
        ("firewall-service", {"software": {"ufw_enabled": True}}, "node1: ufw is active"),
        ("firewall-service", {"software": {"units": {"firewalld.service": {"active": True}}}}, "node1: firewalld is active"),
        (
            "cni-config",
            {"software": {"cni_configs": ["10-calico.conflist"]}},
            "node1: /etc/cni/net.d has 10-calico.conflist, which containerd takes before kprov's",
        ),
        ("cni-config", {"software": {"cni_configs": ["10-kprov.conflist", "99-loopback.conf"]}}, "node1 warning: /etc/cni/net.d has 99-loopback.conf"),
        ("resolv-conf", {"network": {"resolv_conf": {}}}, "node1: /etc/resolv.conf has no nameserver"),
        (
            "resolv-conf",
            {"network": {"resolv_conf": {"nameservers": ["127.0.0.1"]}}},
            "node1: the nameserver 127.0.0.1 is a loopback address, which pods cannot reach",
        ),
        # The kubelet gives pods the servers behind systemd-resolved's stub.
        ("resolv-conf", {"network": {"resolv_conf": {"nameservers": ["127.0.0.53"]}, "resolved": {"nameservers": ["192.0.2.9"]}}}, None),
        (
            "resolv-conf",
            {"network": {"resolv_conf": {"nameservers": ["127.0.0.53"]}}},
            "node1: /etc/resolv.conf has only 127.0.0.53, and /run/systemd/resolve/resolv.conf has no servers",
        ),
        (
            "resolv-conf",
            {"network": {"resolv_conf": {"nameservers": ["192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9"]}}},
            "node1: resolv.conf has 4 nameservers; pods get the first 3",
        ),
        (
            "resolv-conf",
            {"network": {"resolv_conf": {"nameservers": ["192.0.2.9"], "search": ["example.com"] * 33}}},
            "node1: resolv.conf has 33 search domains of 395 characters; pods get at most 32 of 2048",
        ),
    ],
)  # fmt: skip
def test_a_fact_and_the_problem_that_it_is(check: str, facts: Facts, expected: str | None) -> None:
    assert list(details(check, make_host(facts=facts))) == ([expected] if expected else [])


def test_limits_are_variables() -> None:
    host = make_host(
        variables={"minimal_master_memory_mb": 4000, "preflight_control_plane_cpus": 1},
        facts={"system": {"cpus": 1}},
    )
    assert list(details("memory", host)) == [
        "node1: the memory is 2000 MB; a control plane host needs 4000 (minimal_master_memory_mb)"
    ]
    assert list(details("cpus", host)) == []


def test_a_node_without_control_plane_needs_less() -> None:
    small: Facts = {"system": {"memory_mb": 1000, "cpus": 1}}
    assert list(details("cpus", make_host(groups=NODE, facts=small))) == []
    (text,) = details("memory", make_host(groups=NODE, facts=small))
    assert text.startswith("node1 warning: the memory is 1000 MB; a node needs 1024")


def test_what_reach_knows_is_passed_on() -> None:
    host = make_host(
        python="3.9.2", unsupported="Slackware 15 is not supported", not_root="tasks would run as admin"
    )
    assert list(details("python", host)) == [
        "node1: Python is 3.9.2; the components need 3.11 or 3.12 or 3.13"
    ]
    assert list(details("os", host)) == ["node1: Slackware 15 is not supported"]
    assert list(details("root", host)) == ["node1: tasks would run as admin"]


def test_folders_of_one_filesystem_are_one_problem_and_etcd_alone_a_warning() -> None:
    def space(**free: int) -> Facts:
        paths = make_facts(1)["space"]
        for name, mb in free.items():
            path = {"opt": "/opt/kprov"}.get(name, f"/var/lib/{name}")
            paths[path] = {"mount": f"/{name[0]}", "device": "2" if mb == 700 else name, "free_mb": mb}
        return {"space": paths}

    assert list(details("disk-space", make_host(facts=space(etcd=2047)))) == [
        "node1 warning: /e has 2047 MB free for /var/lib/etcd; it needs 2048 (preflight_etcd_disk_mb)"
    ]
    assert list(details("disk-space", make_host(facts=space(kubelet=700, containerd=700)))) == [
        "node1: /c has 700 MB free for /var/lib/containerd (also for /var/lib/kubelet); it needs 1024 (preflight_containerd_disk_mb)"
    ]
    assert list(details("disk-space", make_host(facts=space(opt=512)))) == []


def test_the_latency_of_the_disk_is_compared_with_the_limit() -> None:
    slow = {"fsync": {"writes": 100, "p50_ms": 2.5, "p99_ms": 30}}
    (text,) = details("disk-latency", make_host(probes=slow))
    assert "99 % of 100 synchronous writes to /var/lib/etcd took up to 30 ms" in text
    assert (
        list(details("disk-latency", make_host(probes=slow, variables={"preflight_fsync_p99_ms": 30}))) == []
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (listener(2379, "0.0.0.0"), "node1: port 2379/tcp of etcd is in use by nc (pid 7)"),
        (listener(2379, "127.0.0.1", unit="etcd.service", process="etcd"), "node1: port 2379/tcp of etcd is in use by etcd (pid 7, etcd.service)"),
        (listener(6443, "192.0.2.1", unit="kubelet.service"), "node1: port 6443/tcp of kube-apiserver is in use by nc (pid 7, kubelet.service)"),
        (listener(53, "0.0.0.0", protocol="udp", process="dnsmasq"), "node1: port 53/udp of cluster-dns is in use by dnsmasq (pid 7)"),
        (listener(53, "::"), "node1: port 53/tcp of cluster-dns is in use by nc (pid 7)"),
        # systemd-resolved and the cluster DNS listen on addresses of their own.
        (listener(53, "127.0.0.53"), None),
        (listener(2381, "192.0.2.1"), None),
        (listener(10250, "0.0.0.0", protocol="udp"), None),
        ({**listener(8443, "::"), "pid": 0}, "node1: port 8443/tcp of haproxy is in use by a process that the host does not show"),
    ],
)  # fmt: skip
def test_a_port_is_in_use_if_the_addresses_conflict(entry: Facts, expected: str | None) -> None:
    host = make_host(facts={"listeners": [entry]})
    assert list(details("ports", host)) == ([expected] if expected else [])


def test_a_component_that_kprov_installed_may_listen_on_its_ports() -> None:
    entries = [
        listener(2379, "192.0.2.1", unit="etcd.service"),
        listener(6443, "::", unit="kube-apiserver.service"),
        listener(8443, "0.0.0.0", unit="haproxy.service"),
    ]
    assert list(details("ports", make_host(installed=True, facts={"listeners": entries}))) == []


@pytest.mark.parametrize(
    ("destination", "own", "expected"),
    [
        ("10.233.64.0/20", [], "node1: the route to 10.233.64.0/20 (tun0) overlaps kube_pods_subnet 10.233.64.0/18"),
        ("10.233.0.9/32", [], "node1: the route to 10.233.0.9/32 (tun0) overlaps kube_service_addresses 10.233.0.0/18"),
        ("10.233.64.0/20", ["pod-network"], None),
        ("10.233.0.9/32", ["pod-network"], "node1: the route to 10.233.0.9/32 (tun0) overlaps kube_service_addresses 10.233.0.0/18"),
        ("172.16.0.0/12", [], None),
    ],
)  # fmt: skip
def test_routes_must_leave_the_networks_of_pods_and_services_alone(
    destination: str, own: list[str], expected: str | None
) -> None:
    facts = {
        "network": {"routes": [{"destination": destination, "interface": "tun0"}]},
        "software": {"own": own},
    }
    assert list(details("routes", make_host(facts=facts))) == ([expected] if expected else [])


def test_a_larger_route_is_a_warning_because_routes_to_pods_win() -> None:
    found = list(details("routes", make_host(facts={"network": {"routes": [{"destination": "10.0.0.0/8"}]}})))
    assert [text.split(":")[0] for text in found] == ["node1 warning", "node1 warning"]


def test_names_and_connections_to_repositories() -> None:
    sites = {
        "deb.example.com": {"port": 80, "resolved": False, "outcome": "Name or service not known"},
        "other.example.com": {"port": 443, "resolved": True, "outcome": "Connection refused"},
        "good.example.com": {"port": 80, "resolved": True, "outcome": "open"},
    }
    host = make_host(probes={"repositories": {"sites": sites}})
    assert list(details("dns", host)) == [
        "node1: cannot resolve deb.example.com: Name or service not known (nameservers: 192.0.2.254)"
    ]
    assert list(details("repository", host)) == [
        "node1: cannot connect to the package repository other.example.com:443: Connection refused"
    ]


def test_repositories_of_a_host_without_apt_are_not_checked() -> None:
    host = make_host(probes={"repositories": {"apt": False, "sites": {}}})
    assert list(details("dns", host)) == [
        "node1 info: not checked: only the names of apt's repositories are tried"
    ]
    assert list(details("repository", host)) == ["node1 info: not checked: only apt's repositories are tried"]


def test_a_host_with_another_authority_belongs_to_another_cluster() -> None:
    (text,) = details("other-cluster", make_host(installed=True, other_authority=True))
    assert (
        text
        == "node1: /etc/kubernetes/pki/ca.crt is not the CA of this inventory: the host is in another cluster"
    )


def test_a_question_without_an_answer_is_named() -> None:
    assert list(details("facts", make_host(failures={"ping": "Operation not permitted"}))) == [
        "node1: cannot read ping: Operation not permitted"
    ]


def test_facts_of_an_agent_that_answered_nothing_can_be_read() -> None:
    assert HostFacts.model_validate({}).listeners == []
    assert make_host(groups=ALL).interface == "eth0"
