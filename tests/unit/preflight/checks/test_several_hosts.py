"""Checks that compare hosts: identities, clocks, connections, packet sizes."""

from __future__ import annotations

from typing import Any

from kprov.preflight import requests
from kprov.preflight.checks.connectivity import list_packet_sizes
from kprov.preflight.fleet import PreflightHost
from tests.unit.preflight.builders import details, find, make_host

CONTROL_PLANE = frozenset({"kube_control_plane", "etcd"})
NODE = frozenset({"kube_node"})


def test_cloned_machines_are_named_on_both_sides() -> None:
    clones = [make_host(number, facts={"identity": {"machine_id": "abc"}}) for number in (1, 2)]
    assert list(details("machine-id", *clones, make_host(3))) == [
        "node1: node2 has the same machine ID abc",
        "node2: node1 has the same machine ID abc",
    ]
    assert (
        list(
            details(
                "machine-id",
                make_host(1, facts={"identity": {"machine_id": ""}}),
                make_host(2, facts={"identity": {"machine_id": ""}}),
            )
        )
        == []
    )


def test_only_addresses_of_the_clusters_interface_must_differ() -> None:
    assert find("mac-address", make_host(1), make_host(2)) == []  # docker0 is the same
    same = [
        make_host(number, facts={"identity": {"macs": {"eth0": "52:54:00:aa:bb:cc"}}}) for number in (1, 2)
    ]
    assert [problem.host for problem in find("mac-address", *same)] == ["node1", "node2"]


def test_containers_share_the_uuid_of_their_machine() -> None:
    facts = {"identity": {"product_uuid": "u"}}
    assert len(find("product-uuid", make_host(1, facts=facts), make_host(2, facts=facts))) == 2
    contained = {**facts, "system": {"container": "lxc"}}
    assert find("product-uuid", make_host(1, facts=contained), make_host(2, facts=contained)) == []
    names = {"identity": {"host_name": "debian"}}
    assert len(find("host-name", make_host(1, facts=names), make_host(2, facts=names))) == 2


def clocks(*offsets: float, **fields: Any) -> list[PreflightHost]:
    return [make_host(number, clock_offset=offset, **fields) for number, offset in enumerate(offsets, 1)]


def test_a_clock_is_compared_with_the_median() -> None:
    assert list(details("clock-offset", *clocks(0.1, 0.2, -2.5))) == [
        "node3 warning: its clock is 2.6 s behind the median of all hosts; 1 s are allowed (preflight_clock_offset_seconds)"
    ]
    (problem,) = find("clock-offset", *clocks(0, 0, 3600))
    assert (problem.host, problem.severity) == ("node3", None)


def test_an_offset_that_the_network_explains_is_none() -> None:
    assert find("clock-offset", *clocks(0, 0, 1.5, clock_error=0.6)) == []


def test_if_all_clocks_agree_the_operators_is_wrong() -> None:
    found = list(details("clock-offset", *clocks(100, 100, 100)))
    assert found[0] == "node1 warning: its clock is 100.0 s ahead of this machine's"


def test_a_clock_before_the_authority_is_an_error() -> None:
    assert find("certificate-time", *clocks(-3599), authority_start=1000.0, now=5000.0) == []
    (text,) = details("certificate-time", *clocks(-4001), authority_start=1000.0, now=5000.0)
    assert (
        text == "node1: its clock shows 1970-01-01 00:16:39 UTC; the CA is valid from 1970-01-01 00:16:40 UTC"
    )
    assert find("certificate-time", *clocks(-1e9), now=2e9) == []


def listening(*hosts: PreflightHost) -> list[dict[str, Any]]:
    return [requests.request_listeners(host) for host in hosts]


def test_hosts_listen_on_ports_of_components_that_are_not_installed() -> None:
    first, last = make_host(1, groups=CONTROL_PLANE), make_host(2, groups=NODE)
    assert listening(first, last) == [
        {"open": {"address": "192.0.2.1", "ports": [2380, 2379, 6443]}},
        {"open": {"address": "192.0.2.2", "ports": [10250]}},
    ]
    assert listening(make_host(1, installed=True)) == [{}]
    etcd_only = make_host(1, facts={"software": {"own": ["etcd"]}})
    assert listening(etcd_only) == [{"open": {"address": "192.0.2.1", "ports": [6443, 10250]}}]


def test_each_host_connects_to_what_its_components_need() -> None:
    control, node = make_host(1, groups=CONTROL_PLANE), make_host(2, groups=NODE)
    opened = [
        make_host(1, groups=CONTROL_PLANE, probes={"open": {"opened": [2379, 2380, 6443]}}),
        make_host(2, groups=NODE, probes={"open": {"opened": [10250]}}),
    ]
    assert requests.request_probes(opened[1], opened)["connect"]["targets"] == [("192.0.2.1", 6443)]
    assert requests.request_probes(opened[0], opened)["connect"]["targets"] == [("192.0.2.2", 10250)]
    # Nobody listens: there is nothing to connect to.
    assert "connect" not in requests.request_probes(control, [control, node])
    assert "fsync" not in requests.request_probes(node, [control, node])


def test_what_only_ignored_checks_use_is_not_tried() -> None:
    host, other = make_host(1), make_host(2)
    assert list(requests.request_probes(host, [host, other])) == ["repositories", "fsync", "ping"]
    assert list(requests.request_probes(host, [host, other], {"dns", "repository", "disk-latency"})) == [
        "ping"
    ]
    assert "repositories" in requests.request_probes(host, [host, other], {"dns"})


def test_a_component_that_runs_is_tried_itself() -> None:
    entry = {"protocol": "tcp", "address": "::", "port": 6443, "pid": 7, "unit": "kube-apiserver.service"}
    running = make_host(1, installed=True, facts={"listeners": [entry]})
    new = make_host(2, groups=NODE)
    assert requests.request_probes(new, [running, new])["connect"]["targets"] == [("192.0.2.1", 6443)]


def test_who_cannot_reach_whom_is_one_problem_for_each_port_and_outcome() -> None:
    target = make_host(1, probes={"open": {"opened": [2379, 2380, 6443]}, "connect": {}})
    others = [
        make_host(number, probes={"connect": {"192.0.2.1:2380": outcome, "192.0.2.1:6443": "open"}})
        for number, outcome in (
            (2, "no answer within 2 s"),
            (3, "no answer within 2 s"),
            (4, "Connection refused"),
        )
    ]
    assert list(details("firewall", target, *others)) == [
        "node1: node2, node3 cannot connect to its port 2380/tcp (etcd peer): no answer within 2 s",
        "node1: node4 cannot connect to its port 2380/tcp (etcd peer): Connection refused",
    ]


def test_a_port_on_which_nobody_listened_says_nothing() -> None:
    failed = {"connect": {"192.0.2.1:2380": "Connection refused"}}
    assert find("firewall", make_host(1, probes={}), make_host(2, probes=failed)) == []


def pair(mine: int, theirs: int, sizes: list[int]) -> list[PreflightHost]:
    return [
        make_host(1, facts={"network": {"mtus": {"eth0": mine}}}, probes={"ping": {"192.0.2.2": sizes}}),
        make_host(2, facts={"network": {"mtus": {"eth0": theirs}}}, probes={"ping": {}}),
    ]


def test_packets_that_get_lost_on_the_way_are_an_error() -> None:
    assert list(details("mtu", *pair(1500, 1500, [576, 1000, 1400]))) == [
        "node1: packets of 1500 bytes, the MTU of eth0, do not reach node2 (MTU 1500); 1400 bytes do"
    ]
    assert find("mtu", *pair(1500, 1500, [576, 1500])) == []


def test_different_mtus_of_the_interfaces_are_a_warning_and_no_answer_an_info() -> None:
    assert [text.split(":")[0] for text in details("mtu", *pair(9000, 1500, [1500]))] == ["node1 warning"]
    assert list(details("mtu", *pair(1500, 1500, []))) == [
        "node1 info: node2 does not answer ping: the MTU of the path is unknown"
    ]


def test_no_packet_is_larger_than_the_interface_allows() -> None:
    assert max(list_packet_sizes(1400)) == 1400
    assert 1500 in list_packet_sizes(9000)
