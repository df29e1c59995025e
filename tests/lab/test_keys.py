"""Access for users, secrets in etcd, the audit log, bootstrap tokens, and renewal, on the shared cluster."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.api_connection import ask_with_token
from tests.lab.conftest import KPROV, Cluster, eventually, run
from tests.lab.prober import Prober

ETCDCTL = (
    "ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/pki/ca.crt "
    "--cert=/etc/etcd/pki/healthcheck-client.crt --key=/etc/etcd/pki/healthcheck-client.key"
)
AUDIT_LOG = "/var/log/kubernetes/kube-apiserver-audit.log"
REVIEW = '{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}'
#: Seconds for which the API may not answer while one of three API servers is restarted.
GAP = 10.0


def test_a_user_gets_the_rights_of_the_group_in_the_certificate(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    user = ("kubeconfig", "-i", cluster.lab.inventory, "--user", "alice", "--group", "dev", "--ttl", "10m")
    config = tmp_path / "alice.conf"
    config.write_text(cluster.lab.kprov(*user).stdout)
    pods = (cluster.kubectl_path, "--kubeconfig", config, "get", "pods", "-n", namespace)
    refused = run(*pods, check=False)
    assert 'User "alice" cannot list resource "pods"' in refused.stderr
    cluster.kubectl("create", "rolebinding", "dev", "--clusterrole=view", "--group=dev", "-n", namespace)
    eventually("alice may list pods", lambda: run(*pods, check=False).returncode == 0)


def test_a_secret_is_encrypted_in_etcd_and_its_creation_is_in_the_audit_log(
    cluster: Cluster, namespace: str
) -> None:
    cluster.kubectl(
        "create", "secret", "generic", "hidden", "--from-literal=x=very-secret-words", "-n", namespace
    )
    key = f"/registry/secrets/{namespace}/hidden"
    stored = cluster.lab.ssh("node1", f"{ETCDCTL} get {key} --print-value-only | head -c 2000 | base64 -w0")
    value = subprocess.run(
        ["base64", "-d"], input=stored, capture_output=True, check=True, encoding="latin-1"
    ).stdout
    assert value.startswith("k8s:enc:secretbox:v1:key")
    assert "very-secret-words" not in value

    def find_event() -> str:
        look = f'grep -h \'"verb":"create"\' {AUDIT_LOG} | grep \'"namespace":"{namespace}"\' | grep secrets'
        return "".join(cluster.lab.ssh(host, look, check=False) for host in cluster.lab.hosts)

    event = json.loads(eventually("the audit log has the creation", find_event, timeout=20).splitlines()[0])
    assert event["user"]["username"] == "kubernetes-admin"
    assert event["responseStatus"]["code"] == 201
    assert "requestObject" not in event
    status = cluster.lab.kprov("secrets", "status", "-i", cluster.lab.inventory, "-o", "json")
    counts = json.loads(status.stdout)
    assert set(counts["values"]) == {counts["keys"][0]}


def test_a_bootstrap_token_is_valid_until_it_is_deleted(cluster: Cluster) -> None:
    where = ("-i", cluster.lab.inventory)
    token = cluster.lab.kprov("token", "create", *where, "--ttl", "10m", "--description", "t").stdout.strip()
    identity = token.partition(".")[0]
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    authority = cluster.lab.inventory / "artifacts/pki/ca.crt"

    def ask() -> tuple[int, str]:
        return ask_with_token(cluster.lab.address("node1"), authority, token, path, REVIEW)

    eventually("the API server knows the token", lambda: ask()[0] == 201)
    user = json.loads(ask()[1])["status"]["userInfo"]
    assert user["username"] == f"system:bootstrap:{identity}"
    assert "system:bootstrappers" in user["groups"]
    listed = cluster.lab.kprov("token", "list", *where).stdout
    assert identity in listed
    assert token not in listed
    cluster.lab.kprov("token", "delete", *where, identity)
    eventually("the token ends", lambda: ask()[0] == 401)


def test_an_approved_request_leads_to_a_certificate_that_the_api_accepts(
    cluster: Cluster, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "carol")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    spec = {
        "signerName": "kubernetes.io/kube-apiserver-client",
        "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
        "usages": ["client auth"],
        "expirationSeconds": 600,
    }
    kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    cluster.kubectl(
        "apply", "-f", "-", stdin=json.dumps({**kind, "metadata": {"name": "carol"}, "spec": spec})
    )
    try:
        cluster.kubectl("certificate", "approve", "carol")
        signed = eventually(
            "the request is signed", lambda: cluster.get("csr", "carol")["status"].get("certificate")
        )
    finally:
        cluster.kubectl("delete", "csr", "carol")
    (tmp_path / "carol.crt").write_bytes(base64.b64decode(signed))
    (tmp_path / "carol.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    credentials = (f"--client-certificate={tmp_path}/carol.crt", f"--client-key={tmp_path}/carol.key")
    server = f"--server=https://{cluster.lab.address('node1')}:6443"
    authority = f"--certificate-authority={cluster.lab.inventory}/artifacts/pki/ca.crt"
    empty = "--kubeconfig=/dev/null"
    whoami = run(cluster.kubectl_path, empty, server, authority, *credentials, "auth", "whoami", "-o", "json")
    assert json.loads(whoami.stdout)["status"]["userInfo"]["username"] == "carol"


def test_certificates_of_a_host_are_renewed_while_the_api_serves(cluster: Cluster) -> None:
    serial = "openssl x509 -noout -serial -in /etc/kubernetes/pki/apiserver.crt"
    before = {host: cluster.lab.ssh(host, serial) for host in cluster.lab.hosts}
    prober = Prober(cluster.kubeconfig)
    prober.start()
    cluster.lab.kprov("certs", "renew", "node2", "-i", cluster.lab.inventory)
    assert prober.finish() < GAP
    changed = [host for host in cluster.lab.hosts if cluster.lab.ssh(host, serial) != before[host]]
    assert changed == ["node2"]
    cluster.lab.kprov("certs", "compare", "-i", cluster.lab.inventory)


def test_a_renewal_needs_hosts_that_exist(cluster: Cluster) -> None:
    for arguments, text in (((), "name hosts, or use --all"), (("node9",), "'node9' is not a host")):
        done = run(KPROV, "certs", "renew", *arguments, "-i", cluster.lab.inventory, check=False)
        assert done.returncode == 2
        assert text in done.stderr
