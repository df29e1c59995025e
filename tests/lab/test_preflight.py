"""`kprov preflight` on bare hosts that are broken for real: it names each problem, and `up` changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LAB, Lab, run
from tests.lab.test_bad_input import spoiled, touched

Found = dict[tuple[str, str], list[str]]


def preflight(lab: Lab, *options: str | Path, inventory: Path | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code and document of `kprov preflight -o json`."""
    done = lab.kprov(
        "preflight", "-i", inventory or lab.inventory, "-o", "json", *options, check=False, timeout=60
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def problems(document: dict[str, Any], status: str) -> Found:
    found: Found = {}
    for result in document["results"]:
        if result["status"] == status:
            assert result["hint"], result
            found.setdefault((result["host"], result["check"]), []).append(result["detail"])
    return found


@contextmanager
def changed(lab: Lab, host: str, change: str, undo: str) -> Iterator[None]:
    """A change on a host, undone whatever happens."""
    try:
        lab.ssh(host, change)
        yield
    finally:
        lab.ssh(host, undo, check=False)


@contextmanager
def dropped_packets(host: str, rule: str) -> Iterator[None]:
    """Packets to a host that are dropped, by a rule of this machine's nft: bare hosts have none."""
    nft = ("ip", "netns", "exec", f"kprov.{LAB}.{host}", "nft")
    chain = "add chain inet kprov_test in { type filter hook input priority -300; }"
    try:
        run(*nft, f"add table inet kprov_test; {chain}; add rule inet kprov_test in {rule}")
        yield
    finally:
        run(*nft, "delete table inet kprov_test", check=False)


def test_good_hosts_pass(lab: Lab) -> None:
    code, document = preflight(lab)
    assert (code, document["ok"], problems(document, "error")) == (0, True, {})
    assert document["passed"] > 80
    assert not [one for one in document["results"] if one["status"] == "skipped"]
    # Nothing still listens.
    assert (
        lab.ssh("node1", "ss -ltnH '( sport = 2379 or sport = 2380 or sport = 6443 or sport = 10250 )'") == ""
    )


def test_a_dead_host_is_one_row_and_the_others_are_checked(lab: Lab, tmp_path: Path) -> None:
    def nobody_there(inventory: dict[str, Any]) -> None:
        inventory["all"]["hosts"]["node2"]["ansible_host"] = lab.numbered(250)

    code, document = preflight(lab, inventory=spoiled(lab, tmp_path / "i", nobody_there))
    assert code == 4
    assert list(problems(document, "error")) == [("node2", "reachable")]
    assert {one["host"] for one in document["results"] if one["status"] == "ok"} == {"node1", "node3"}


def test_an_unknown_check_is_refused_and_the_list_shows_the_known(lab: Lab) -> None:
    done = lab.kprov("up", "-i", lab.inventory, "--ignore", "prots", check=False, timeout=60)
    assert done.returncode == 2
    assert "--ignore: no check is called 'prots'; did you mean 'ports'?" in done.stderr
    listed = lab.kprov("preflight", "-i", lab.inventory, "--list").stdout
    assert "machine IDs differ" in listed


#: By host: shell scripts that break it and repair it.
DAMAGE = {
    "node1": (
        """
        systemd-run --quiet --unit=squatter python3 -m http.server 2379
        mkdir -p /var/lib/kubelet /etc/cni/net.d
        mount -t tmpfs -o size=50m tmpfs /var/lib/kubelet
        echo {} > /etc/cni/net.d/05-other.conflist
        for n in $(seq 100); do ss -ltnH sport = 2379 | grep -q . && exit 0; sleep 0.2; done; exit 1
        """,
        "systemctl stop squatter; umount /var/lib/kubelet; rmdir /var/lib/kubelet; rm -r /etc/cni",
    ),
    "node2": (
        """
        mkdir -p /var/lib/etcd/member/wal
        ip link set dev eth0 mtu 1300
        cp /etc/machine-id /run/kept-id && echo {identity} > /etc/machine-id
        """,
        "rm -r /var/lib/etcd; ip link set dev eth0 mtu 1400; cat /run/kept-id > /etc/machine-id",
    ),
    "node3": (
        """
        ip route add blackhole 10.233.70.0/24
        cp /etc/resolv.conf /run/kept-conf && echo nameserver 127.0.0.9 > /etc/resolv.conf
        """,
        "ip route del blackhole 10.233.70.0/24; cat /run/kept-conf > /etc/resolv.conf",
    ),
}


@pytest.fixture(scope="module")
def broken(lab: Lab) -> Iterator[Lab]:
    """Hosts with a problem for each check."""
    identity = lab.ssh("node1", "cat /etc/machine-id").strip()
    with ExitStack() as stack:
        for host, (change, undo) in DAMAGE.items():
            stack.enter_context(changed(lab, host, change.replace("{identity}", identity), undo))
        stack.enter_context(dropped_packets("node3", f"ip saddr {lab.address('node1')} tcp dport 2380 drop"))
        yield lab


def test_each_problem_is_named_with_its_hint(broken: Lab) -> None:
    code, document = preflight(broken)
    assert (code, document["ok"]) == (1, False)
    errors, warnings = problems(document, "error"), problems(document, "warning")
    (port,) = errors.pop(("node1", "ports"))
    assert "2379/tcp of etcd is in use by python3 (pid " in port
    assert "squatter.service" in port
    (space,) = errors.pop(("node1", "disk-space"))
    assert (
        space
        == "/var/lib/kubelet has 50 MB free for /var/lib/kubelet; it needs 1024 (preflight_kubelet_disk_mb)"
    )
    assert "05-other.conflist" in errors.pop(("node1", "cni-config"))[0]
    assert errors.pop(("node2", "etcd-data")) == ["/var/lib/etcd has data that is not this cluster's: member"]
    assert "node2 has the same machine ID" in errors.pop(("node1", "machine-id"))[0]
    assert "node1 has the same machine ID" in errors.pop(("node2", "machine-id"))[0]
    (route,) = errors.pop(("node3", "routes"))
    assert "10.233.70.0/24 overlaps kube_pods_subnet 10.233.64.0/18" in route
    assert errors.pop(("node3", "firewall")) == [
        "node1 cannot connect to its port 2380/tcp (etcd peer): no answer within 10 s"
    ]
    assert errors == {}
    for host in ("node1", "node3"):
        assert warnings.pop((host, "mtu")) == [
            "packets of 1400 bytes, the MTU of eth0, do not reach node2 (MTU 1300); 1300 bytes do"
        ]
    assert "127.0.0.9 is a loopback address" in warnings.pop(("node3", "resolv-conf"))[0]
    assert "(nameservers: 127.0.0.9)" in warnings.pop(("node3", "dns"))[0]
    assert {check for _, check in warnings} <= {"disk-latency"}


def test_up_stops_before_its_first_change(broken: Lab) -> None:
    before = touched(broken)
    done = broken.kprov("up", "-i", broken.inventory, check=False, timeout=60)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the preflight checks found" in done.stderr
    assert "node1: ports: port 2379/tcp of etcd is in use" in done.stderr
    assert "--ignore CHECK skips one" in done.stderr
    assert "warning: node3: resolv-conf:" in done.stdout + done.stderr
    assert touched(broken) == before
    assert not (broken.inventory / "artifacts" / "pki").exists()


def test_checks_can_be_ignored_by_option_and_by_variable(broken: Lab, tmp_path: Path) -> None:
    def ignore_more(inventory: dict[str, Any]) -> None:
        inventory["all"]["vars"]["preflight_ignore"] = ["routes", "firewall", "cni-config"]

    inventory = spoiled(broken, tmp_path / "i", ignore_more)
    options = ("--ignore", "ports,disk-space", "--ignore", "machine-id")
    code, document = preflight(broken, *options, inventory=inventory)
    assert (code, list(problems(document, "error"))) == (1, [("node2", "etcd-data")])
    code, document = preflight(broken, *options, "--ignore", "etcd-data", inventory=inventory)
    assert (code, document["errors"]) == (0, 0)
