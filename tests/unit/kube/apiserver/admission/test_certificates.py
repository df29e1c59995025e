"""Who may approve and sign certificate requests, and whom no request may name."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kprov.kube.apiserver.admission.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError

SIGNER = "example.com/serving"
API_CLIENT = "kubernetes.io/kube-apiserver-client"


class Allows:
    """Allows (verb, signer) pairs."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        assert (info.api_group, info.resource) == ("certificates.k8s.io", "signers")
        return (Decision.ALLOW if (info.verb, info.name) in self._pairs else Decision.NO_OPINION), ""


def attributes(
    registry: Registry, operation: str, subresource: str, obj: dict[str, Any], old: dict[str, Any] | None
) -> Attributes:
    info = RequestInfo(path="", verb="", is_resource_request=True)
    return Attributes(
        context=RequestContext(user=UserInfo("alice"), info=info),
        operation=operation,
        resource=registry.store("certificates.k8s.io", "certificatesigningrequests").resource,
        subresource=subresource,
        namespace="",
        name="r",
        obj=obj,
        old=old,
        options={},
    )


def signing_request(*groups: str, signer: str = API_CLIENT) -> dict[str, Any]:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, "bob")]
    subject += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = signed.public_bytes(serialization.Encoding.PEM)
    return {"metadata": {"name": "r"}, "spec": {"signerName": signer, "request": b64encode(pem).decode()}}


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        (("approve", SIGNER), True),
        (("approve", "example.com/*"), True),
        (("sign", SIGNER), False),
        (("approve", "example.com/other"), False),
    ],
)
async def test_approval_needs_the_verb_on_the_signer_or_its_domain(
    registry: Registry, right: tuple[str, str], allowed: bool
) -> None:
    plugin = CertificateApproval()
    plugin.authorizer = Allows(right)
    old = signing_request(signer=SIGNER)
    asked = attributes(registry, "UPDATE", "approval", old, old)
    if allowed:
        await plugin.validate(asked)
        return
    with pytest.raises(StatusError, match=f'signerName "{SIGNER}"') as caught:
        await plugin.validate(asked)
    assert caught.value.code == 403


async def test_approval_is_checked_for_the_stored_signer_name(registry: Registry) -> None:
    plugin = CertificateApproval()
    plugin.authorizer = Allows(("approve", "mine.com/own"))
    sent, stored = signing_request(signer="mine.com/own"), signing_request(signer=SIGNER)
    with pytest.raises(StatusError):
        await plugin.validate(attributes(registry, "UPDATE", "approval", sent, stored))


async def test_a_certificate_is_put_in_by_who_may_sign_and_other_changes_are_free(registry: Registry) -> None:
    plugin = CertificateSigning()
    plugin.authorizer = Allows()
    old = signing_request(signer=SIGNER)
    new = old | {"status": {"certificate": "AA=="}}
    await plugin.validate(attributes(registry, "UPDATE", "status", old, old))
    with pytest.raises(StatusError, match="not permitted to sign"):
        await plugin.validate(attributes(registry, "UPDATE", "status", new, old))
    plugin.authorizer = Allows(("sign", SIGNER))
    await plugin.validate(attributes(registry, "UPDATE", "status", new, old))


async def test_no_client_certificate_for_masters(registry: Registry) -> None:
    plugin = CertificateSubjectRestriction()
    await plugin.validate(attributes(registry, "CREATE", "", signing_request("dev"), None))
    other = signing_request("system:masters", signer=SIGNER)
    await plugin.validate(attributes(registry, "CREATE", "", other, None))
    with pytest.raises(StatusError, match="system:masters group is not allowed"):
        await plugin.validate(attributes(registry, "CREATE", "", signing_request("system:masters"), None))
