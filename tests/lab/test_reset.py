"""`kprov reset`: asks, leaves bare hosts, and `kprov up` works again."""

from __future__ import annotations

from tests.lab.conftest import HOSTS, KPROV, Cluster, run


def test_reset_asks_first_and_then_leaves_bare_hosts_for_the_next_up(cluster: Cluster) -> None:
    asked = run(KPROV, "reset", "-i", cluster.lab.inventory, check=False, stdin="n\n")
    assert asked.returncode != 0
    assert cluster.lab.ssh("node1", "systemctl is-active etcd").strip() == "active"

    # The user who logs in has an agent in the cache, too.
    cluster.lab.kprov("run", "all", "-m", "ping", "-i", cluster.lab.inventory, "-e", "ansible_become=false")
    assert "agent-" in cluster.lab.ssh("node1", "ls /home/*/.cache/kprov")

    # Whatever this was before kprov came, reset puts it back.
    cluster.lab.ssh("node1", "grep ip_forward /etc/sysctl.d/99-kprov.before")
    cluster.lab.ssh("node1", "echo net.ipv4.conf.all.rp_filter = 2 > /etc/sysctl.d/99-kprov.before")
    cluster.lab.kprov("reset", "-i", cluster.lab.inventory, "--yes")
    assert cluster.lab.ssh("node1", "cat /proc/sys/net/ipv4/conf/all/rp_filter").strip() == "2"
    for host in HOSTS:
        left = cluster.lab.ssh(
            host,
            "ls -d /etc/kubernetes /etc/etcd /opt/kprov /etc/cni /var/cache/kubectl /root/.kube "
            "/etc/iproute2/rt_addrprotos.d /etc/systemd/logind.conf.d /etc/systemd/system/kube* "
            "/opt/containerd /var/lib/haproxy /etc/sysctl.d/*kprov* ~root/.cache/kprov /home/*/.cache/kprov "
            "/sys/fs/cgroup/kubepods* /sys/fs/cgroup/*/kubepods* 2>/dev/null; "
            "systemctl list-units --all --plain --no-legend 'kubepods*'; "
            "ls -A /var/lib/etcd /var/lib/kubelet /var/lib/containerd 2>/dev/null | grep -v :; "
            "dpkg-query -W -f '${Package}\\n' etcd-server containerd haproxy 2>/dev/null; "
            "pgrep -fa 'kube|etcd|containerd|haproxy'; ip -o link show type bridge; nft list tables 2>/dev/null; true",
        )
        left = "\n".join(
            line for line in left.splitlines() if line.strip() and "pgrep" not in line and "sudo" not in line
        )
        assert left == "", host

    renewal = cluster.lab.kprov("certs", "renew", "--all", "-i", cluster.lab.inventory, check=False)
    assert renewal.returncode == 2
    assert "node1, node2, node3 have nothing of a cluster: `kprov up -i" in renewal.stderr
    resumed = cluster.lab.kprov("resume", "-i", cluster.lab.inventory, check=False)
    assert resumed.returncode == 2
    assert "was successful; there is nothing to continue: `kprov up -i" in resumed.stderr

    cluster.lab.kprov("up", "-i", cluster.lab.inventory, timeout=1200)
    assert cluster.lab.kprov("verify", "-i", cluster.lab.inventory).returncode == 0
