"""What the checks make of what they see: values in, findings out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kprov.verify.checks import api_server_files, certificates, cluster, etcd, network, probe, units
from kprov.verify.model import Cluster, VerifyHost

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
EVERYTHING = frozenset({"etcd", "kube_control_plane", "kube_node"})
NODE1 = VerifyHost("node1", "node1", "10.0.0.1", EVERYTHING)
NODE2 = VerifyHost("node2", "node2", "10.0.0.2", frozenset({"kube_node"}))


def a_cluster(vip: str = "") -> Cluster:
    return Cluster(
        (NODE1, NODE2),
        "",
        "",
        6443,
        8443,
        "cluster.local",
        "/var/lib/etcd",
        "/etc/kubernetes",
        "/etc/kubernetes/pki",
        "/var/cache/kubectl",
        vip,
    )


def unit(**changes: str) -> dict[str, str]:
    healthy = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "Result": "success",
        "NRestarts": "0",
    }
    return healthy | changes


@pytest.mark.parametrize(
    ("state", "ok", "word"),
    [
        (unit(), True, "running"),
        (unit(NRestarts="3"), True, "3 restarts"),
        (unit(ActiveState="inactive", SubState="dead"), False, "inactive (dead)"),
        (unit(ActiveState="failed", Result="exit-code"), False, "exit-code"),
        (unit(LoadState="not-found"), False, "not-found"),
        (unit(UnitFileState="disabled"), False, "won't start at boot"),
    ],
)
def test_a_unit_is_judged_by_load_activity_and_enablement(state: dict[str, str], ok: bool, word: str) -> None:
    finding = units.judge_unit("kubelet", state, uptime=1000)
    assert finding.ok is ok
    assert word in finding.detail


@pytest.mark.parametrize(
    ("state", "starting"),
    [
        (unit(ActiveState="activating", SubState="start"), True),
        (unit(ActiveState="activating", SubState="auto-restart"), True),
        (unit(ActiveState="inactive", SubState="dead", Job="117"), True),
        (unit(ActiveState="inactive", SubState="dead", Job="0"), False),
        (unit(ActiveState="inactive", SubState="dead"), False),
        (unit(ActiveState="failed"), False),
        (unit(ActiveEnterTimestampMonotonic="990000000"), True),
        (unit(ActiveEnterTimestampMonotonic="100000000"), False),
    ],
)
def test_a_unit_is_starting_while_systemd_starts_it_and_for_a_while_after(
    state: dict[str, str], starting: bool
) -> None:
    assert units.judge_unit("kubelet", state, uptime=1000).starting is starting


def test_keepalived_is_asked_for_only_with_a_vip_and_on_the_control_plane() -> None:
    assert "keepalived" in units.expected_units(NODE1, a_cluster("10.0.0.100"))
    assert "keepalived" not in units.expected_units(NODE1, a_cluster())
    assert "keepalived" not in units.expected_units(NODE2, a_cluster("10.0.0.100"))


def certificate(issuer: ec.EllipticCurvePrivateKey, ends: datetime) -> x509.Certificate:
    """A certificate signed by the issuer's key, valid until `ends`."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=300))
        .not_valid_after(ends)
        .sign(issuer, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def authority_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def authority(authority_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(authority_key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=300))
        .not_valid_after(NOW + timedelta(days=3000))
        .sign(authority_key, hashes.SHA256())
    )


@pytest.mark.parametrize(
    ("days", "ok", "word"),
    [
        (100, True, "until 2026-04-25"),
        (-1, False, "expired on 2026-01-14"),
        (3, False, "expires on 2026-01-18"),
        (20, True, "expires in 20 days, renew it: kprov up"),
    ],
)
def test_a_certificate_is_judged_by_its_end(
    authority_key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, days: int, ok: bool, word: str
) -> None:
    pem = (
        certificate(authority_key, NOW + timedelta(days=days))
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    finding = certificates.judge_certificate("x.crt", pem, [authority], "ca", NOW)
    assert finding.ok is ok
    assert word in finding.detail


def test_a_certificate_of_another_authority_is_named(authority: x509.Certificate) -> None:
    other = certificate(ec.generate_private_key(ec.SECP256R1()), NOW + timedelta(days=100))
    pem = other.public_bytes(serialization.Encoding.PEM).decode()
    assert (
        "not issued by this cluster's ca"
        in certificates.judge_certificate("x", pem, [authority], "ca", NOW).detail
    )


def test_two_authorities_are_accepted_while_one_replaces_the_other(authority: x509.Certificate) -> None:
    other = certificate(ec.generate_private_key(ec.SECP256R1()), NOW + timedelta(days=100))
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (other, authority)).decode()
    finding = certificates.judge_authorities("ca.crt", pem, [authority, other], "ca", NOW)
    assert (finding.ok, finding.warning) == (True, True)
    assert "finish kprov certs rotate-ca" in finding.detail
    finding = certificates.judge_authorities("ca.crt", pem, [authority], "ca", NOW)
    assert (finding.ok, finding.detail) == (False, "not this cluster's ca; repair it: kprov up")


def test_an_authority_that_ends_soon_is_a_warning(authority: x509.Certificate) -> None:
    pem = authority.public_bytes(serialization.Encoding.PEM).decode()
    end = authority.not_valid_after_utc
    soon = certificates.judge_authorities("ca.crt", pem, [authority], "ca", end - timedelta(days=100))
    assert (soon.ok, soon.warning) == (True, True)
    assert soon.detail == "expires in 100 days, replace it: kprov certs rotate-ca"
    assert not certificates.judge_authorities("ca.crt", pem, [authority], "ca", end + timedelta(days=1)).ok
    assert not certificates.judge_authorities("ca.crt", "", [authority], "ca", NOW).ok


def test_the_files_of_an_api_server_are_judged_by_its_running_flags() -> None:
    flags = ["--encryption-provider-config=/e.yaml", "--audit-log-path=/a.log"]
    assert api_server_files.judge_encryption("/e.yaml", flags, "600").ok
    assert "kprov up" in api_server_files.judge_encryption("/e.yaml", [], "600").detail
    assert "mode 644" in api_server_files.judge_encryption("/e.yaml", flags, "644").detail
    assert api_server_files.judge_audit_log("/a.log", flags, "600").ok
    assert "kprov up" in api_server_files.judge_audit_log("/a.log", [], "600").detail
    assert "missing" in api_server_files.judge_audit_log("/a.log", flags, "").detail


def test_a_missing_certificate_is_named(authority: x509.Certificate) -> None:
    assert (
        certificates.judge_certificate("x", "", [authority], "ca", NOW).detail
        == "missing or not a certificate"
    )


def members(*addresses: str, unstarted: str = "") -> list[dict[str, Any]]:
    return [{"name": "" if a == unstarted else a, "peerURLs": [f"https://{a}:2380"]} for a in addresses]


def test_a_quorum_has_the_inventorys_members_all_started() -> None:
    assert etcd.judge_members(members("a", "b", "c"), {"a", "b", "c"}).ok
    assert "['c']" in etcd.judge_members(members("a", "b"), {"a", "b", "c"}).detail
    assert "never started" in etcd.judge_members(members("a", "b", unstarted="b"), {"a", "b"}).detail


def test_a_member_without_a_leader_has_lost_the_quorum() -> None:
    findings = {f.name: f for f in etcd.judge_status({"leader": 0, "version": "3.5", "errors": ["NOSPACE"]})}
    assert not findings["leader"].ok
    assert findings["member"].detail == "NOSPACE"


@pytest.mark.parametrize(
    ("via", "ok", "word"),
    [
        ({"10.1.2.0/24": "10.0.0.2"}, True, "via 10.0.0.2"),
        ({}, False, "no route to 10.1.2.0/24, expected via 10.0.0.2"),
        ({"10.1.2.0/24": "10.0.0.9"}, False, "goes via 10.0.0.9"),
        ({"10.1.2.0/24": ""}, False, "a link"),
    ],
)
def test_a_route_is_judged_by_its_gateway(via: dict[str, str], ok: bool, word: str) -> None:
    finding = network.judge_route(NODE2, {"node2": ("10.1.2.0/24", "10.0.0.2")}, via)
    assert finding.ok is ok
    assert word in finding.detail


def test_a_node_that_is_not_ready_gives_its_conditions_words() -> None:
    node = {
        "status": {
            "conditions": [{"type": "Ready", "status": "False", "message": "cni plugin not initialized"}]
        }
    }
    assert cluster.judge_node("n", node).detail == "not ready: cni plugin not initialized"
    assert cluster.judge_node("n", None).detail == "not registered"


def test_a_leader_must_have_renewed_lately() -> None:
    spec: dict[str, Any] = {
        "holderIdentity": "node1_x",
        "renewTime": (NOW - timedelta(seconds=5)).isoformat(),
    }
    assert cluster.judge_lease("kube-scheduler", spec, NOW).ok
    assert (
        "not renewed for 65 s"
        in cluster.judge_lease("kube-scheduler", spec, NOW + timedelta(seconds=60)).detail
    )
    assert not cluster.judge_lease("kube-scheduler", {"holderIdentity": ""}, NOW).ok
    # On slow machines leases last longer.
    spec["leaseDurationSeconds"] = 60
    assert cluster.judge_lease("kube-scheduler", spec, NOW + timedelta(seconds=60)).ok


def test_a_probe_that_failed_says_what_its_pod_says() -> None:
    waiting = {
        "status": {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}]}
    }
    assert probe.explain_pod(waiting) == "ErrImagePull: no"
    unscheduled = {
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}
    }
    assert probe.explain_pod(unscheduled) == "0/3 nodes"


def test_the_probe_has_a_client_on_every_node() -> None:
    items = probe.probe_objects("ns", ["a", "b"], "cluster.local")
    pods = [item for item in items if item["kind"] == "Pod"]
    assert [pod["spec"]["nodeSelector"]["kubernetes.io/hostname"] for pod in pods] == ["a", "b"]
    assert all(item["metadata"]["namespace"] == "ns" for item in items)


@pytest.mark.parametrize(
    ("mode", "wanted", "ok"),
    [
        ("600", True, True),
        ("644", True, False),
        (None, True, False),
        (None, False, True),
        ("600", False, False),
    ],
)
def test_the_key_of_the_ca_is_private_and_only_where_certificates_are_signed(
    mode: str | None, wanted: bool, ok: bool
) -> None:
    assert certificates.judge_signing_key("/pki/ca.key", mode, wanted=wanted).ok is ok
