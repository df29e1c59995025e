"""A host's plug pulled: the API goes on, etcd has a leader, replicas move, the host comes back by itself."""

from __future__ import annotations

import json
import time

import pytest

from tests.lab.conftest import HOSTS, Cluster, eventually
from tests.lab.prober import Prober
from tests.lab.workload import web

#: Pods leave a dead node after the node is noticed (40 s) and their toleration (made 5 s here) is over.
EVICTION = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    for key in ("not-ready", "unreachable")
]


def vip_holder(cluster: Cluster) -> str:
    return next(h for h in HOSTS if f"{cluster.lab.vip}/" in cluster.lab.ssh(h, "ip -4 -o address show"))


@pytest.mark.parametrize(
    "role",
    [
        "the VIP's holder",
        # All that the other shows but the way of the VIP.
        pytest.param("another host", marks=pytest.mark.nightly),
    ],
)
def test_with_a_hosts_plug_pulled_everything_goes_on(cluster: Cluster, namespace: str, role: str) -> None:
    holder = vip_holder(cluster)
    victim = holder if role == "the VIP's holder" else next(h for h in HOSTS if h != holder)
    survivor = next(h for h in HOSTS if h != victim)
    cluster.apply(web("web", 3, tolerations=EVICTION), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    prober = Prober(cluster.kubeconfig)
    prober.start()
    try:
        cluster.lab.kill(victim)
        time.sleep(15)  # the gap is what is measured; it happens in here
        gap = prober.finish()
        status = cluster.lab.ssh(
            survivor,
            "ETCDCTL_API=3 etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/healthcheck-client.crt "
            "--key=/etc/etcd/pki/healthcheck-client.key --endpoints=https://127.0.0.1:2379 endpoint health 2>&1",
        )
        assert "is healthy" in status

        def replaced() -> bool:
            pods = cluster.running_pods(namespace)
            return len(pods) == 3 and all(p["spec"]["nodeName"] != victim for p in pods)

        eventually("replicas elsewhere", replaced, timeout=120, every=2)
    finally:
        cluster.lab.start(victim)

    def back() -> bool:
        node = cluster.get("node", victim)
        return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])

    eventually("the host's return", back, timeout=120, every=2)
    eventually(
        "no failed check",
        lambda: (
            cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "--no-probe", check=False).returncode
            == 0
        ),
        timeout=90,
        every=3,
    )
    assert gap <= 5.0
    assert prober.answers > 20


def test_after_a_power_cut_of_all_hosts_the_cluster_comes_back_by_itself(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(web("web", 2), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    for host in HOSTS:
        cluster.lab.kill(host)
    # Not in the order in which they were made: nobody is the first member.
    for host in reversed(HOSTS):
        cluster.lab.start(host)
    # At once: it waits for what is starting by itself.
    verified = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, check=False)
    assert verified.returncode == 0, verified.stdout
    eventually(
        "the workload's return", lambda: len(cluster.running_pods(namespace)) == 2, timeout=180, every=3
    )


def test_verify_names_an_unreachable_host_and_tries_no_pod_on_it(cluster: Cluster) -> None:
    cluster.lab.kill("node3")
    try:
        done = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "-o", "json", check=False)
    finally:
        cluster.lab.start("node3")
    results = {(r["host"], r["check"]): r for r in json.loads(done.stdout)["results"]}
    assert done.returncode == 4
    assert not results["node3", "reachable"]["ok"]
    assert results["cluster", "service from node1"]["ok"]
    assert results["cluster", "service from node3"]["detail"] == "not tried: its host is unreachable"
    verified = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, check=False)
    assert verified.returncode == 0, verified.stdout
