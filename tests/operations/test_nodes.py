"""Hosts are added, removed and replaced under load, also by a kprov that is killed again and again."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.lab.conftest import KPROV, SUBNET, Cluster, eventually
from tests.lab.workload import web
from tests.operations.inventories import set_hosts
from tests.operations.load import load

MEMBERS = ("node1", "node2", "node3")
EVERYBODY = (*MEMBERS, "node4", "node5")
#: How often kprov is killed at most.
KILLS = 6


@contextlib.contextmanager
def measure(title: str) -> Iterator[None]:
    """Print how long the block takes."""
    began = time.monotonic()
    yield
    sys.stdout.write(f"{title}: {time.monotonic() - began:.0f} s\n")


@pytest.fixture(scope="module")
def five(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster of three hosts, and two bare hosts beside it."""
    lab, file = cluster.lab, cluster.lab.inventory / "hosts.yml"
    before = file.read_text()
    lab.kprov("lab", "up", "--name", lab.name, "--hosts", "5")
    try:
        yield cluster
    finally:
        file.write_text(before)


def operate(cluster: Cluster, *words: str, timeout: float = 1200) -> str:
    """Run `kprov node WORDS` to its end; return its output."""
    done = cluster.lab.kprov("node", *words, "-i", cluster.lab.inventory, timeout=timeout)
    return done.stdout + done.stderr


def refuse(cluster: Cluster, *words: str, code: int = 2) -> str:
    """Run a kprov command that must be refused; return its error."""
    done = cluster.lab.kprov(*words, "-i", cluster.lab.inventory, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr


def verify(cluster: Cluster) -> None:
    """Wait until all checks pass."""
    eventually(
        "the cluster is healthy",
        lambda: cluster.lab.kprov("verify", "-i", cluster.lab.inventory, check=False).returncode == 0,
        timeout=300,
    )


def list_members(cluster: Cluster) -> dict[str, str]:
    """Return the ids of etcd's voters by name."""
    text = cluster.lab.ssh(
        "node2",
        "ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/pki/ca.crt "
        "--cert=/etc/etcd/pki/healthcheck-client.crt --key=/etc/etcd/pki/healthcheck-client.key member list -w json",
    )
    members = json.loads(text)["members"]
    return {member["name"]: f"{member['ID']:x}" for member in members if not member.get("isLearner")}


def list_nodes(cluster: Cluster) -> set[str]:
    return {node["metadata"]["name"] for node in cluster.get("nodes")["items"]}


def await_not_ready(cluster: Cluster, node: str) -> None:
    """Wait until the control plane has noticed that a host is off."""
    eventually(
        f"{node} is not ready", lambda: "NotReady" in cluster.kubectl("get", "node", node), timeout=120
    )


def read_served_names(cluster: Cluster, host: str) -> set[str]:
    """Return the names and addresses of the certificate that an API server serves."""
    pem = ssl.get_server_certificate((cluster.lab.address(host), 6443))
    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return {str(name.value) for name in names.value}


def assert_hosts(cluster: Cluster, members: tuple[str, ...]) -> None:
    """Nodes, members of etcd, certificates and names are those of these hosts, and all checks pass."""
    assert list_nodes(cluster) == set(members)
    assert set(list_members(cluster)) == set(members)
    for host in MEMBERS:
        served = read_served_names(cluster, host)
        assert {name for name in EVERYBODY if name in served} == set(members)
        text = cluster.lab.ssh(host, "cat /etc/hosts /etc/haproxy/haproxy.cfg")
        assert {name for name in EVERYBODY if name in text.split()} == set(members)
        unit = cluster.lab.ssh(
            host, "grep -o 'etcd-servers=[^ ]*' /etc/systemd/system/kube-apiserver.service"
        )
        assert unit.count("https://") == len(members)
    verify(cluster)


def test_three_hosts_become_five_and_three_again_under_load(five: Cluster) -> None:
    folder = five.lab.inventory
    five.apply(web("web", 6), namespace="default")
    # As after a rollback: node3 keeps its bundle and units.
    five.lab.ssh("node3", "cp /opt/kprov/current/.complete /opt/kprov/pinned")
    set_hosts(folder, SUBNET, EVERYBODY)
    with load(five.kubeconfig, "add"), measure("node add node4 node5"):
        operate(five, "add", "node4", "node5")
    assert_hosts(five, EVERYBODY)
    assert "Nothing would change" in five.lab.kprov("plan", "-i", folder).stdout
    with load(five.kubeconfig, "remove"), measure("node remove node4 node5"):
        operate(five, "remove", "node4", "node5", "--yes")
    # As long as they stand in the inventory, an operation on another host leaves them alone.
    renewed = five.lab.kprov("certs", "renew", "node1", "-i", folder)
    assert "node4, node5: in the inventory, but not in the cluster" in renewed.stdout + renewed.stderr
    for host in ("node4", "node5"):
        assert not (folder / "artifacts/pki/hosts" / host).exists()
    assert "which tolerate no more failures than 1" in refuse(five, "node", "remove", "node1", "--yes")
    text = refuse(five, "node", "remove", "node1", "node2", "--yes")
    assert "--without-fault-tolerance" in text
    set_hosts(folder, SUBNET, MEMBERS)
    assert_hosts(five, MEMBERS)
    assert "Nothing would change" in five.lab.kprov("plan", "-i", folder).stdout
    five.lab.ssh("node3", "rm /opt/kprov/pinned")
    eventually("all pods run elsewhere", lambda: len(five.running_pods("default", "app=web")) == 6)
    for host in ("node4", "node5"):
        assert five.lab.ssh(host, "ls -d /etc/kubernetes /etc/etcd /opt/kprov 2>/dev/null", check=False) == ""
        assert not (folder / "artifacts/pki/hosts" / host).exists()
    five.kubectl("delete", "deployment", "web")


def test_up_adds_a_host_that_the_inventory_gained(five: Cluster) -> None:
    set_hosts(five.lab.inventory, SUBNET, MEMBERS, nodes=["node4"])
    with load(five.kubeconfig, "up"), measure("up with node4"):
        five.lab.kprov("up", "-i", five.lab.inventory)
    assert list_nodes(five) == {*MEMBERS, "node4"}
    verify(five)


def test_a_host_that_left_the_inventory_is_named_and_removed_only_by_command(five: Cluster) -> None:
    lab, where = five.lab, ("-i", five.lab.inventory)
    assert "node4" in list_nodes(five), "the test above adds it"
    set_hosts(lab.inventory, SUBNET, MEMBERS)
    planned = lab.kprov("plan", *where)
    assert "node4 is a node of the cluster, but not in the inventory's kube_node" in planned.stderr
    assert "`kprov node remove node4`" in planned.stderr
    found = lab.kprov("verify", "--no-probe", *where, check=False)
    assert (found.returncode, "`kprov node remove node4`" in found.stdout) == (1, True)
    lab.kprov("up", *where)
    assert "node4" in list_nodes(five)
    assert "still runs" in refuse(five, "node", "remove", "node4", "--yes")
    lab.kill("node4")
    with measure("node remove of a host that left the inventory"):
        operate(five, "remove", "node4", "--yes", "--unreachable")
    assert_hosts(five, MEMBERS)


def test_a_host_that_nobody_knows_is_refused(five: Cluster) -> None:
    assert "'node9' is neither a host of the inventory" in refuse(five, "node", "remove", "node9", "--yes")
    assert "did you mean node1?" in refuse(five, "node", "replace", "nod1", "--yes")


def test_the_first_host_loses_its_disk_and_is_replaced_under_load(five: Cluster) -> None:
    lab, where = five.lab, ("-i", five.lab.inventory)
    before = list_members(five)
    with load(five.kubeconfig, "replace"):
        lab.kprov("lab", "reinstall", "--name", lab.name, "node1")
        hint = "run `kprov node replace node1`"
        for command in ("plan", "up"):
            assert hint in refuse(five, command)
        found = lab.kprov("verify", "--no-probe", *where, check=False)
        assert (found.returncode, hint in found.stdout) == (1, True)
        with measure("node replace of a first host without data"):
            operate(five, "replace", "node1", "--yes")
    assert_hosts(five, MEMBERS)
    after = list_members(five)
    assert (after["node2"], after["node3"]) == (before["node2"], before["node3"])
    assert after["node1"] != before["node1"]
    assert "Nothing would change" in lab.kprov("plan", *where).stdout


def test_a_step_that_would_lose_the_quorum_is_refused(five: Cluster) -> None:
    before = list_members(five)
    five.lab.kill("node3")
    try:
        reason = (
            "refused, nothing was changed: without node1 etcd has no quorum: 1 of 2 members would be healthy"
        )
        assert reason in refuse(five, "node", "replace", "node1", "--yes")
        assert "2 are needed (node3 is down)" in refuse(five, "node", "replace", "node1", "--yes")
        text = refuse(five, "node", "remove", "node1", "node2", "--yes")
        assert "without node1, node2 etcd has no quorum" in text
        assert "does not answer" in refuse(five, "node", "replace", "node3", "--yes", code=4)
        assert list_members(five) == before
    finally:
        five.lab.start("node3")
    verify(five)


def kill_and_resume(cluster: Cluster, *words: str, seed: int) -> list[float]:
    """Run a kprov command, kill it after random times, and resume it to its end.

    Return the seconds between the start of each operation and its kill.
    """
    chosen = random.Random(seed)
    artifacts = cluster.lab.inventory / "artifacts"
    journals, log = artifacts / "journal", artifacts / "killed.log"
    command = [*words]
    times: list[float] = []
    while len(times) < KILLS:
        with log.open("w") as output:
            process = subprocess.Popen(
                [KPROV, *command, "-i", str(cluster.lab.inventory)], stdout=output, stderr=output
            )
        # Before the journal is opened there is nothing to resume.
        eventually(
            "the journal is opened",
            lambda: list(journals.glob(f"*-{process.pid}.jsonl")) or process.poll() is not None,  # noqa: B023
        )
        seconds = round(chosen.uniform(1, 12), 1)
        try:
            assert process.wait(seconds) == 0, log.read_text()
            return times
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            times.append(seconds)
            command = ["resume"]
    cluster.lab.kprov("resume", "-i", cluster.lab.inventory, timeout=1200)
    return times


def test_a_replacement_that_is_killed_is_resumed(five: Cluster) -> None:
    before = list_members(five)
    with load(five.kubeconfig, "killed"), measure("node replace of a running host, killed"):
        times = kill_and_resume(five, "node", "replace", "node3", "--yes", seed=16)
    sys.stdout.write(f"killed after {times} s\n")
    assert len(times) >= 5
    assert_hosts(five, MEMBERS)
    after = list_members(five)
    assert (after["node1"], after["node2"]) == (before["node1"], before["node2"])
    assert after["node3"] != before["node3"]


def test_a_host_with_a_new_address_is_replaced(five: Cluster) -> None:
    lab, folder = five.lab, five.lab.inventory
    new = lab.numbered(15)
    lab.kprov("lab", "reinstall", "--name", lab.name, "node5")
    file = folder / "hosts.yml"
    before = file.read_text()
    file.write_text(before.replace(lab.address("node3"), new))
    assert "run `kprov node replace node3`" in refuse(five, "plan")
    assert "switch it off" in refuse(five, "node", "replace", "node3", "--yes")
    lab.kill("node3")
    await_not_ready(five, "node3")
    with load(five.kubeconfig, "moved"), measure("node replace of a host with a new address"):
        operate(five, "replace", "node3", "--yes")
    verify(five)
    # And back.
    file.write_text(before)
    lab.kill("node5")
    lab.kprov("lab", "reinstall", "--name", lab.name, "node3")
    await_not_ready(five, "node3")
    times = kill_and_resume(five, "node", "replace", "node3", "--yes", seed=17)
    sys.stdout.write(f"killed after {times} s\n")
    assert_hosts(five, MEMBERS)
