"""Certificate signing requests: who asks, what is asked, who decides."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, UserInfo
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.subresources.approval import ApprovalStrategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError
from tests.certificates import Issuer


def request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return base64.b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)).decode()


SPEC = {
    "request": request(),
    "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
    "usages": ["client auth"],
}


@pytest.fixture
def store(registry: Registry) -> Store:
    return registry.store("certificates.k8s.io", "certificatesigningrequests")


@pytest.fixture
def context(store: Store) -> RequestContext:
    context = make_system_context("create", store.resource)
    context.user = UserInfo("system:node:n1", ("system:nodes",))
    return context


async def decide(store: Store, context: RequestContext, *conditions: JsonObject) -> JsonObject:
    def change(old: JsonObject | None) -> JsonObject:
        return {**(old or {}), "status": {"conditions": list(conditions), "certificate": "AAAA"}}

    strategy = ApprovalStrategy(store.resource)
    obj, _ = await store.update(context, "", "csr", change, subresource="approval", strategy=strategy)
    return obj


async def test_a_signing_request_says_who_asks_whatever_the_client_writes(
    store: Store, context: RequestContext
) -> None:
    spec = SPEC | {"username": "admin", "groups": ["system:masters"]}
    made = await store.create(context, "", {"metadata": {"name": "csr"}, "spec": spec})
    assert made["spec"]["username"] == "system:node:n1"
    assert made["spec"]["groups"] == ["system:nodes"]


async def test_what_is_no_request_is_refused(store: Store, context: RequestContext) -> None:
    spec = {"request": "LS0t", "usages": ["client auth", "client auth"]}
    with pytest.raises(StatusError) as caught:
        await store.create(context, "", {"metadata": {"name": "csr"}, "spec": spec})
    assert {each["field"] for each in caught.value.status["details"]["causes"]} == {
        "spec.request",
        "spec.signerName",
        "spec.usages[1]",
    }


async def test_a_decision_writes_conditions_only_and_stays(store: Store, context: RequestContext) -> None:
    await store.create(context, "", {"metadata": {"name": "csr"}, "spec": SPEC})
    obj = await decide(store, context, {"type": "Approved", "status": "True"})
    (condition,) = obj["status"]["conditions"]
    assert condition["lastUpdateTime"] == condition["lastTransitionTime"]
    assert "certificate" not in obj["status"]
    with pytest.raises(StatusError, match='updates may not remove a condition of type "Approved"'):
        await decide(store, context)
    denied = {"type": "Denied", "status": "True"}
    with pytest.raises(StatusError, match="Approved and Denied conditions are mutually exclusive"):
        await decide(store, context, condition, denied)


async def test_status_neither_approves_nor_takes_what_is_no_certificate(
    store: Store, context: RequestContext
) -> None:
    await store.create(context, "", {"metadata": {"name": "csr"}, "spec": SPEC})

    def change(old: JsonObject | None) -> JsonObject:
        status = {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "AAAA"}
        return {**(old or {}), "status": status}

    with pytest.raises(StatusError) as caught:
        await store.update(context, "", "csr", change, subresource="status")
    assert [each["field"] for each in caught.value.status["details"]["causes"]] == [
        "status.certificate",
        "status.conditions",
    ]


async def test_a_certificate_has_no_pem_headers(store: Store, context: RequestContext) -> None:
    await store.create(context, "", {"metadata": {"name": "csr"}, "spec": SPEC})
    made = Issuer("ca").certificate.public_bytes(Encoding.PEM)
    headed = made.replace(b"CERTIFICATE-----\n", b"CERTIFICATE-----\nA: b\n\n", 1)

    async def sign(pem: bytes) -> JsonObject:
        status = {"certificate": base64.b64encode(pem).decode()}

        def change(old: JsonObject | None) -> JsonObject:
            return {**(old or {}), "status": status}

        obj, _ = await store.update(context, "", "csr", change, subresource="status")
        return obj

    with pytest.raises(StatusError, match="no PEM block headers are permitted"):
        await sign(headed)
    await sign(made)
