"""QoS, cgroup numbers, DNS and host names."""

from typing import Any

import pytest

from kprov.kube.api.core import Container
from kprov.kube.kubelet.pods import resources
from kprov.kube.kubelet.runtime import dns
from tests.unit.kube.kubelet.kubelet_builders import container, pod

FULL = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        (FULL, "Guaranteed"),
        ({"limits": FULL["limits"]}, "Guaranteed"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
    ],
)
def test_qos_class(wanted: dict[str, Any], expected: str) -> None:
    assert resources.get_qos_class(pod(container(resources=wanted))) == expected


def test_one_container_without_limits_makes_the_pod_burstable() -> None:
    assert resources.get_qos_class(pod(container("a", resources=FULL), container("b"))) == "Burstable"


def test_who_is_killed_first_without_memory() -> None:
    gib = 2**30
    burstable = container(resources={"requests": {"memory": "1Gi"}})
    assert resources.compute_oom_score_adj(pod(), container(), 4 * gib) == 1000
    assert resources.compute_oom_score_adj(pod(burstable), burstable, 4 * gib) == 750
    full = container(resources=FULL)
    assert resources.compute_oom_score_adj(pod(full), full, 4 * gib) == -997


def test_init_containers_count_by_their_peak_and_sidecars_beside_all() -> None:
    def needs(name: str, cpu: str, **fields: Any) -> Container:
        return container(name, resources={"requests": {"cpu": cpu}}, **fields)

    wanted = pod(needs("c", "1"), init=[needs("s", "500m", restartPolicy="Always"), needs("i", "2")])
    assert resources.sum_requests(wanted, "cpu") == 2500


def test_cpu_becomes_shares_and_quota() -> None:
    assert resources.milli_cpu_to_shares(0) == 2
    assert resources.milli_cpu_to_shares(250) == 256
    assert resources.milli_cpu_to_quota(250, 100_000) == 25_000
    assert resources.milli_cpu_to_quota(1, 100_000) == 1000


HOST = dns.DnsConfig(["9.9.9.9"], ["corp.example"], ["timeout:2"])


def settings(**spec: Any) -> dns.DnsConfig:
    return dns.get_pod_dns(pod(**spec), host=HOST, cluster_dns=["10.0.0.10"], cluster_domain="cluster.local")


def test_pods_ask_the_cluster_first() -> None:
    config = settings(dnsPolicy="ClusterFirst")
    assert config.servers == ["10.0.0.10"]
    searches = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"]
    assert config.searches == searches
    assert config.options == ["ndots:5"]


def test_pods_in_the_hosts_network_ask_what_the_host_asks() -> None:
    assert settings(dnsPolicy="ClusterFirst", hostNetwork=True) == HOST
    assert settings(dnsPolicy="ClusterFirstWithHostNet", hostNetwork=True).servers == ["10.0.0.10"]


def test_dns_config_adds_to_the_policy() -> None:
    extra = {"nameservers": ["1.1.1.1"], "searches": ["x"], "options": [{"name": "ndots", "value": "2"}]}
    assert settings(dnsPolicy="None", dnsConfig=extra) == dns.DnsConfig(["1.1.1.1"], ["x"], ["ndots:2"])


def test_host_name_and_hosts_file() -> None:
    named = pod(hostname="web", subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])
    name, domain = dns.get_host_name(named, "cluster.local")
    assert (name, domain) == ("web", "sub.default.svc.cluster.local")
    lines = dns.render_hosts_file(named, ["10.1.0.5"], name, domain).splitlines()
    assert "10.1.0.5\tweb.sub.default.svc.cluster.local\tweb" in lines
    assert lines[-1] == "1.2.3.4\ta\tb"
