"""After `kprov up` on bare hosts: nodes, leaders, quorum, and what the run said."""

from __future__ import annotations

from kprov.lab import lifecycle
from tests.lab.conftest import HOSTS, LAB, Cluster


def test_three_nodes_are_ready_with_their_roles(cluster: Cluster) -> None:
    nodes = {node["metadata"]["name"]: node for node in cluster.get("nodes")["items"]}
    assert set(nodes) == set(HOSTS)
    for name, node in nodes.items():
        conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
        assert conditions["Ready"] == "True", name
        assert "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]
        assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.36")


def test_every_node_has_a_pod_cidr_of_its_own(cluster: Cluster) -> None:
    cidrs = [node["spec"]["podCIDR"] for node in cluster.get("nodes")["items"]]
    assert len(set(cidrs)) == len(HOSTS)


def test_each_component_is_its_own_unit_under_its_upstream_name(cluster: Cluster) -> None:
    units = "kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy etcd containerd haproxy"
    for host in HOSTS:
        states = cluster.lab.ssh(host, f"systemctl is-active {units}").split()
        assert states == ["active"] * len(units.split()), host


def test_controller_manager_and_scheduler_have_one_leader_each(cluster: Cluster) -> None:
    for component in ("kube-controller-manager", "kube-scheduler"):
        lease = cluster.get("lease", "-n", "kube-system", component)
        assert lease["spec"]["holderIdentity"].split("_")[0] in HOSTS


def test_etcd_refuses_clients_without_a_certificate(cluster: Cluster) -> None:
    address = cluster.lab.address("node1")
    said = cluster.lab.ssh(
        "node1",
        f"ETCDCTL_API=3 etcdctl --endpoints=https://{address}:2379 --cacert=/etc/etcd/pki/ca.crt "
        "--command-timeout=3s endpoint health 2>&1",
        check=False,
    )
    assert "unhealthy" in said


def test_every_private_key_is_its_owners_alone(cluster: Cluster) -> None:
    for host in HOSTS:
        keys = cluster.lab.ssh(
            host, "find /etc/kubernetes /etc/etcd /var/lib/kubelet/pki -name '*.key' ! -perm 0600 -print"
        )
        assert keys == "", host
    artifacts = cluster.lab.inventory / "artifacts"
    keys_here = list(artifacts.rglob("*.key"))
    assert len(keys_here) > 10
    assert [path for path in keys_here if path.stat().st_mode & 0o077] == []


def test_no_host_was_given_pip(cluster: Cluster) -> None:
    for host in HOSTS:
        assert cluster.lab.ssh(host, "command -v pip pip3 || echo none").strip() == "none"


def test_packages_were_downloaded_once_for_all_hosts(cluster: Cluster) -> None:
    """The image has them in apt's cache. A host downloads what the mirror has renewed since then."""
    archives = cluster.lab.ssh("node1", "ls /var/cache/apt/archives").split()
    count = sum(name.endswith(".deb") for name in archives)
    assert count > 20
    for host in HOSTS:
        layer = lifecycle.find_host(LAB, host)[1].folder / "upper/var/cache/apt/archives"
        assert len([*layer.glob("*.deb")]) < count / 2, host
