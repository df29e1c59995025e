"""`kprov verify`: passes on a sound cluster, names what is broken on a broken one."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.conftest import HOSTS, Cluster, eventually


def failures(cluster: Cluster, *arguments: str) -> list[dict[str, Any]]:
    done = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "-o", "json", *arguments, check=False)
    results = json.loads(done.stdout)["results"]
    failed = [result for result in results if not result["ok"]]
    assert done.returncode == (1 if failed else 0), done.stderr
    return failed


def test_a_sound_cluster_passes_with_exit_code_0(cluster: Cluster) -> None:
    assert failures(cluster) == []


def test_the_table_names_every_host(cluster: Cluster) -> None:
    table = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "--no-probe").stdout
    assert all(host in table for host in HOSTS)


def test_the_probe_leaves_nothing_behind(cluster: Cluster) -> None:
    failures(cluster)
    eventually(
        "no namespace of the probe",
        lambda: (
            not [
                n
                for n in cluster.get("namespaces")["items"]
                if n["metadata"]["name"].startswith("kprov-verify")
            ]
        ),
        timeout=60,
    )


def test_objects_without_effect_are_warnings_that_fail_nothing(cluster: Cluster) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": "default"},
        "spec": {"podSelector": {}},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(policy))
    try:
        done = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "-o", "json", "--no-probe")
        table = cluster.lab.kprov("verify", "-i", cluster.lab.inventory, "--no-probe").stdout
    finally:
        cluster.kubectl("delete", "networkpolicy", "deny", "-n", "default")
    warnings = [result for result in json.loads(done.stdout)["results"] if result["warning"]]
    assert [(one["area"], one["check"], one["ok"]) for one in warnings] == [
        ("unenforced", "NetworkPolicy default/deny", True)
    ]
    assert "has no effect" in table
    assert table.endswith("0 failed, 1 with a warning\n")


def test_a_stopped_unit_is_named(cluster: Cluster) -> None:
    """And nothing else, where it was the leader: one of the others leads within seconds."""
    holder = cluster.get("-n", "kube-system", "lease", "kube-scheduler")["spec"]["holderIdentity"]
    leader = holder.partition("_")[0]
    cluster.lab.ssh(leader, "systemctl stop kube-scheduler")
    try:
        failed = failures(cluster, "--no-probe")
    finally:
        cluster.lab.ssh(leader, "systemctl start kube-scheduler")
    assert {(f["host"], f["area"], f["check"]) for f in failed} == {
        (leader, "units", "kube-scheduler"),
        (leader, "ports", "scheduler 10259"),
    }


def test_an_expired_certificate_is_named(cluster: Cluster) -> None:
    path = "/etc/kubernetes/pki/kube-proxy.crt"
    authority = cluster.lab.inventory / "artifacts" / "pki"
    expired = expired_certificate(
        (authority / "ca.crt").read_bytes(), (authority / "ca.key").read_bytes(), "system:kube-proxy"
    )
    cluster.lab.ssh("node3", f"cp -p {path} {path}.good && printf '%s' '{expired}' > {path}")
    try:
        failed = failures(cluster, "--no-probe")
    finally:
        cluster.lab.ssh("node3", f"mv {path}.good {path} && systemctl restart kube-proxy")
    assert [(f["host"], f["area"], f["check"]) for f in failed] == [("node3", "certificates", path)]
    assert "expired" in failed[0]["detail"]


def test_a_dropped_route_is_named(cluster: Cluster) -> None:
    nodes = {n["metadata"]["name"]: n for n in cluster.get("nodes")["items"]}
    cidr = nodes["node3"]["spec"]["podCIDR"]
    # Its keeper would put the route back at once.
    cluster.lab.ssh("node1", f"systemctl kill --signal=STOP pod-network && ip route delete {cidr}")
    try:
        # Without waiting: systemd's watchdog restarts the keeper, which puts the route back.
        failed = failures(cluster, "--no-probe", "--wait", "0")
    finally:
        cluster.lab.ssh("node1", "systemctl kill --signal=CONT pod-network")
    assert [(f["host"], f["area"], f["check"]) for f in failed] == [("node1", "network", "route to node3")]
    assert cidr in failed[0]["detail"]
    eventually("the route's return", lambda: cidr in cluster.lab.ssh("node1", "ip route"), timeout=60)


def expired_certificate(ca_pem: bytes, ca_key_pem: bytes, name: str) -> str:
    """A certificate (PEM) of the authority that ended yesterday."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    ca = x509.load_pem_x509_certificate(ca_pem)
    ca_key = serialization.load_pem_private_key(ca_key_pem, None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(ca.subject)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .sign(ca_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
