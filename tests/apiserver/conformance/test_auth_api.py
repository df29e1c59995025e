"""Signing requests and access reviews, as API operations."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.apiserver.conformance.calls import merge, ok, watching
from tests.apiserver.servers import ApiServer

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


def request() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e2e.example.com")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(Encoding.PEM)).decode()


@pytest.mark.entry("Certificates API should support CSR API operations")
def test_certificates_api_should_support_csr_api_operations(server: ApiServer, namespace: str) -> None:
    body = {
        "metadata": {"generateName": "e2e-example-csr-", "labels": {"e2e": namespace}},
        "spec": {"request": request(), "signerName": "e2e.example.com/signer", "usages": ["server auth"]},
    }
    label = f"e2e={namespace}"
    with watching(server, CSRS, labelSelector=label) as watch:
        made = ok(server, "POST", CSRS, body)
        name = made["metadata"]["name"]
        item = f"{CSRS}/{name}"
        watch.until("ADDED", name)
        assert ok(server, "GET", item)["spec"] == made["spec"]
        assert (
            len(ok(server, "GET", f"{CSRS}?fieldSelector=spec.signerName=e2e.example.com/signer")["items"])
            == 1
        )
        merge(server, item, {"metadata": {"annotations": {"patchedapproval": "true"}}})
        watch.until("MODIFIED", name)
        approved = {"type": "Approved", "status": "True", "reason": "E2E"}
        decided = merge(server, f"{item}/approval", {"status": {"conditions": [approved]}})
        assert decided["status"]["conditions"][0]["lastUpdateTime"]
        status = merge(server, f"{item}/status", {"metadata": {"annotations": {"patchedstatus": "true"}}})
        assert status["status"] == decided["status"]
        refused = server.ask(
            "PATCH",
            f"{item}/status",
            {"status": {"certificate": base64.b64encode(b"none").decode()}},
            content_type="application/merge-patch+json",
        )
        assert refused.status == 422
        ok(server, "DELETE", item)
        watch.until("DELETED", name)
    ok(server, "POST", CSRS, body)
    ok(server, "DELETE", f"{CSRS}?labelSelector={label}")
    assert ok(server, "GET", f"{CSRS}?labelSelector={label}")["items"] == []


@pytest.mark.entry("SubjectReview should support SubjectReview API operations")
def test_subject_review_should_support_subject_review_api_operations(
    server: ApiServer, namespace: str
) -> None:
    account = f"system:serviceaccount:{namespace}:e2e"
    attributes = {"verb": "list", "resource": "configmaps", "namespace": namespace, "version": "v1"}
    spec = {"user": account, "resourceAttributes": attributes, "groups": ["system:authenticated"]}
    reviews = "/apis/authorization.k8s.io/v1"

    def allowed() -> list[bool]:
        review = ok(server, "POST", f"{reviews}/subjectaccessreviews", {"spec": spec})
        local = f"{reviews}/namespaces/{namespace}/localsubjectaccessreviews"
        answer = ok(server, "POST", local, {"metadata": {"namespace": namespace}, "spec": spec})
        return [review["status"]["allowed"], answer["status"]["allowed"]]

    assert allowed() == [False, False]
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"]}
    ok(server, "POST", f"{roles}/roles", {"metadata": {"name": "r"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "e2e", "namespace": namespace}
    reference = {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "b"}, "subjects": [subject], "roleRef": reference}
    ok(server, "POST", f"{roles}/rolebindings", binding)
    ok(server, "GET", f"{roles}/rolebindings/b")
    assert allowed() == [True, True]
