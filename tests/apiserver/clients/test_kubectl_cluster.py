"""certificate, auth, explain, discovery, config, version and what needs metrics."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.apiserver.clients.kubectl import Kubectl


def request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "someone")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


@pytest.mark.parametrize(("verb", "condition"), [("approve", "Approved"), ("deny", "Denied")])
def test_certificate(kubectl: Kubectl, verb: str, condition: str) -> None:
    name = f"{kubectl.namespace}-{verb}"
    spec = {
        "request": request(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    csr = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    kubectl("create", "-f", "-", stdin=csr | {"metadata": {"name": name}, "spec": spec})
    assert "Pending" in kubectl("get", "csr", name)
    assert kubectl("certificate", verb, name).startswith(
        f"certificatesigningrequest.certificates.k8s.io/{name} "
    )
    assert condition in kubectl("get", "csr", name)
    (found,) = kubectl.get("csr", name)["status"]["conditions"]
    assert (found["type"], found["reason"]) == (condition, f"Kubectl{verb.capitalize()}")
    assert "someone" in kubectl("describe", "csr", name)
    kubectl("delete", "csr", name)


def test_auth(kubectl: Kubectl) -> None:
    alice = kubectl.user("alice-token")
    assert kubectl("auth", "can-i", "delete", "nodes") == "yes"
    assert alice.run("auth", "can-i", "list", "pods").stdout.strip() == "no"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "r", "namespace": kubectl.namespace},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
    }
    assert kubectl("auth", "reconcile", "-f", "-", stdin=role).startswith(
        "role.rbac.authorization.k8s.io/r recon"
    )
    kubectl("create", "rolebinding", "b", "--role=r", "--user=alice")
    assert alice("auth", "can-i", "list", "pods") == "yes"
    assert "pods" in alice("auth", "can-i", "--list")
    assert kubectl("auth", "can-i", "list", "pods", "--as=alice") == "yes"
    told = json.loads(alice("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert (told["username"], told["uid"]) == ("alice", "u-alice")
    assert set(told["groups"]) == {"developers", "testers", "system:authenticated"}
    refused = alice.refused("get", "secrets")
    assert refused == (
        'Error from server (Forbidden): secrets is forbidden: User "alice" cannot list resource "secrets" in API '
        f'group "" in the namespace "{kubectl.namespace}"'
    )


def test_explain_knows_a_kind_of_every_group(kubectl: Kubectl) -> None:
    lines = [line.split() for line in kubectl("api-resources", "--no-headers", "--verbs=list").splitlines()]
    last = {words[-3]: (words[0], words[-1]) for words in lines}
    assert len(last) > 15
    for version, (plural, kind) in last.items():
        said = kubectl("explain", plural, f"--api-version={version}")
        assert f"KIND:       {kind}" in said
        assert "DESCRIPTION:" in said
    said = kubectl("explain", "deployment.spec.strategy.rollingUpdate.maxSurge")
    assert "FIELD: maxSurge <IntOrString>" in said
    assert "ephemeralContainers" in kubectl("explain", "pod", "--recursive")
    assert 'field "nothing" does not exist' in kubectl.refused("explain", "pod.nothing")


def test_discovery(kubectl: Kubectl) -> None:
    rows = [line.split() for line in kubectl("api-resources").splitlines()]
    assert ["pods", "po", "v1", "true", "Pod"] in rows
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in rows
    assert {"apps/v1", "batch/v1", "v1"} <= set(kubectl("api-versions").split())
    assert "pods" in kubectl("api-resources", "--categories=all", "--namespaced=true", "-o", "name").split()
    assert "Kubernetes control plane" in kubectl("cluster-info")
    version = json.loads(kubectl("version", "-o", "json"))
    assert version["serverVersion"]["minor"] == "36"
    assert "Metrics API not available" in kubectl.refused("top", "pods")


def test_config(kubectl: Kubectl) -> None:
    assert kubectl("config", "current-context") == "c"
    kubectl("config", "set-context", "other", "--cluster=c", "--user=u", "--namespace=kube-system")
    assert "other" in kubectl("config", "get-contexts", "-o", "name").split()
    assert "namespace: kube-system" in kubectl("config", "view")
    kubectl("config", "delete-context", "other")
