"""Certificate requests: signing, approving kubelets, refusals; bootstrap tokens and the signed cluster-info."""

from __future__ import annotations

import itertools
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer, pem, running

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
API_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
_NUMBERS = itertools.count()
_PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("certificates")
    with running(folder) as (_, server):
        key = folder / "ca.key"
        key.write_bytes(pem(server.authority._key))
        flags = [f"--cluster-signing-cert-file={server.authority.file}", f"--cluster-signing-key-file={key}"]
        names = ("csrsigning", "csrapproving", "csrcleaner", "bootstrapsigner", "tokencleaner")
        with controllers(server, *names, flags=flags):
            yield server


class Client:
    """A key, and requests for its certificate."""

    def __init__(self, server: ApiServer, name: str, groups: Sequence[str] = ()) -> None:
        self.server = server
        self.key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        self.subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def request(
        self,
        signer: str,
        usages: Sequence[str],
        *,
        seconds: int | None = None,
        names: Sequence[x509.GeneralName] = (),
        token: str = "admin-token",
    ) -> str:
        """Create a request and return its path."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(self.subject)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        text = builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM)
        spec: JsonObject = {
            "signerName": signer,
            "request": b64encode(text).decode(),
            "usages": list(usages),
        }
        if seconds is not None:
            spec["expirationSeconds"] = seconds
        name = f"request-{next(_NUMBERS)}"
        ok(self.server, "POST", REQUESTS, {"metadata": {"name": name}, "spec": spec}, token=token)
        return f"{REQUESTS}/{name}"

    def approve(self, path: str) -> None:
        """Approve as `kubectl certificate approve`."""
        document = ok(self.server, "GET", path)
        document["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "Test"}]}
        ok(self.server, "PUT", f"{path}/approval", document)

    def wait_for_certificate(self, path: str) -> x509.Certificate:
        text = eventually(lambda: ok(self.server, "GET", path).get("status", {}).get("certificate"))
        return x509.load_pem_x509_certificate(b64decode(text))

    def write_files(self, certificate: x509.Certificate, folder: Path) -> tuple[Path, Path]:
        files = (folder / "client.crt", folder / "client.key")
        files[0].write_bytes(certificate.public_bytes(_PEM))
        files[1].write_bytes(pem(self.key))
        return files


def list_conditions(server: ApiServer, path: str) -> dict[str, JsonObject]:
    conditions = ok(server, "GET", path).get("status", {}).get("conditions", [])
    return {condition["type"]: condition for condition in conditions}


def test_an_approved_request_gets_a_certificate_that_the_server_accepts(
    server: ApiServer, tmp_path: Path
) -> None:
    client = Client(server, "jane", ["dev"])
    path = client.request(API_CLIENT, ["digital signature", "client auth"], seconds=3600)
    client.approve(path)
    certificate = client.wait_for_certificate(path)
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(hours=1)
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    files = client.write_files(certificate, tmp_path)
    review = server.post(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, token=None, certificate=files
    ).json
    user = review["status"]["userInfo"]
    assert (user["username"], user["groups"]) == ("jane", ["dev", "system:authenticated"])


def test_a_request_that_its_signer_must_not_sign_fails(server: ApiServer) -> None:
    client = Client(server, "jane")
    path = client.request(API_CLIENT, ["server auth"])
    client.approve(path)
    failed = eventually(lambda: list_conditions(server, path).get("Failed"))
    assert failed["reason"] == "SignerValidationFailure"
    assert failed["message"] == "invalid usage for client certificate: server auth"


def test_a_request_waits_for_its_approval(server: ApiServer) -> None:
    waiting = Client(server, "jane").request(API_CLIENT, ["client auth"])
    approved = Client(server, "john")
    path = approved.request(API_CLIENT, ["client auth"])
    approved.approve(path)
    approved.wait_for_certificate(path)
    assert not list_conditions(server, waiting)
    assert not ok(server, "GET", waiting).get("status", {}).get("certificate")


def test_a_node_that_renews_its_own_certificate_is_approved(server: ApiServer) -> None:
    binding = {
        "metadata": {"name": "test-node-renewal"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        },
        "subjects": [
            {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes"},
        ],
    }
    ok(server, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    usages = ["digital signature", "client auth"]
    own = Client(server, "system:node:n1", ["system:nodes"]).request(
        KUBELET_CLIENT, usages, token="node-token"
    )
    approved = eventually(lambda: list_conditions(server, own).get("Approved"))
    assert approved["reason"] == "AutoApproved"
    assert approved["message"].startswith("Auto approving self kubelet client certificate")
    Client(server, "system:node:n1", ["system:nodes"]).wait_for_certificate(own)
    # The certificate of another node needs nodeclient, which the role does not have.
    other = Client(server, "system:node:n2", ["system:nodes"])
    path = other.request(KUBELET_CLIENT, usages, token="node-token")
    last = Client(server, "x")
    marker = last.request(API_CLIENT, ["client auth"])
    last.approve(marker)
    last.wait_for_certificate(marker)
    assert not list_conditions(server, path)


def test_a_serving_certificate_has_the_names_of_its_request(server: ApiServer) -> None:
    client = Client(server, "system:node:n1", ["system:nodes"])
    names = [x509.DNSName("n1"), x509.IPAddress(ip_address("192.0.2.7"))]
    path = client.request(KUBELET_SERVING, ["digital signature", "server auth"], names=names)
    client.approve(path)
    certificate = client.wait_for_certificate(path)
    assert list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == names


def make_token(identity: str, private: str, **data: str) -> JsonObject:
    values = {"token-id": identity, "token-secret": private, "usage-bootstrap-signing": "true"} | data
    return {
        "metadata": {"name": f"bootstrap-token-{identity}"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {key: value for key, value in values.items() if value},
    }


def test_an_expired_bootstrap_token_is_deleted(server: ApiServer) -> None:
    def exists(identity: str) -> bool:
        return server.get(f"{SECRETS}/bootstrap-token-{identity}").status == 200

    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for identity, when in (("aaaaaa", past), ("bbbbbb", soon), ("cccccc", "")):
        ok(server, "POST", SECRETS, make_token(identity, "0123456789abcdef", expiration=when))
    eventually(lambda: not exists("aaaaaa") and not exists("bbbbbb"))
    assert exists("cccccc")


def test_cluster_info_is_signed_by_the_tokens_that_may(server: ApiServer) -> None:
    content = "clusters: []\n"
    ok(server, "POST", SECRETS, make_token("dddddd", "fedcba9876543210"))
    ok(server, "POST", SECRETS, make_token("eeeeee", "fedcba9876543210", **{"usage-bootstrap-signing": ""}))
    ok(
        server,
        "POST",
        CLUSTER_INFO.rpartition("/")[0],
        {"metadata": {"name": "cluster-info"}, "data": {"kubeconfig": content}},
    )
    signature = eventually(lambda: ok(server, "GET", CLUSTER_INFO)["data"].get("jws-kubeconfig-dddddd"))
    header, payload, digest = signature.split(".")
    assert payload == ""
    whole = f"{header}.{b64encode(content.encode()).decode().rstrip('=')}.{digest}"
    with pytest.warns(jwt.InsecureKeyLengthWarning):  # upstream's tokens are that short
        verified = jwt.api_jws.decode_complete(whole, "fedcba9876543210", algorithms=["HS256"])
    assert (verified["payload"], verified["header"]["kid"]) == (content.encode(), "dddddd")
    assert "jws-kubeconfig-eeeeee" not in ok(server, "GET", CLUSTER_INFO)["data"]
    ok(server, "DELETE", f"{SECRETS}/bootstrap-token-dddddd")
    eventually(lambda: "jws-kubeconfig-dddddd" not in ok(server, "GET", CLUSTER_INFO)["data"])
