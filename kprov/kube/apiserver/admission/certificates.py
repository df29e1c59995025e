"""Checks who may approve and sign certificate requests, and which groups no request may have.

CertificateApproval, CertificateSigning, CertificateSubjectRestriction. Source: upstream
plugin/pkg/admission/certificates and pkg/certauthorization.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from kprov.kube.apiserver.admission.plugin import (
    AdmissionPlugin,
    Attributes,
    WantsAuthorizer,
    forbidden_error,
)
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery.json_object import JsonObject

GROUP: Final = "certificates.k8s.io"
REQUESTS: Final = frozenset({(GROUP, "certificatesigningrequests")})
_CLIENT_SIGNER: Final = "kubernetes.io/kube-apiserver-client"


class _SignerPlugin(WantsAuthorizer):
    operations = frozenset({"UPDATE"})
    resources = REQUESTS

    async def _is_allowed(self, attributes: Attributes, verb: str, signer: str) -> bool:
        """Whether the user has the verb on the signer or on all signers of its domain."""
        for name in (signer, f"{signer.partition('/')[0]}/*"):
            info = RequestInfo(
                path="", verb=verb, is_resource_request=True, api_group=GROUP, api_version="*",
                resource="signers", name=name,
            )  # fmt: skip
            decision, _ = await self.authorizer.authorize(attributes.context.user, info)
            if decision is Decision.ALLOW:
                return True
        return False


class CertificateApproval(_SignerPlugin):
    name = "CertificateApproval"

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource != "approval":
            return
        # The stored signer decides: the request may try to change it.
        signer = (attributes.old or {}).get("spec", {}).get("signerName", "")
        if not await self._is_allowed(attributes, "approve", signer):
            raise forbidden_error(
                attributes, f'user not permitted to approve requests with signerName "{signer}"'
            )


class CertificateSigning(_SignerPlugin):
    name = "CertificateSigning"

    async def validate(self, attributes: Attributes) -> None:
        old, new = attributes.old or {}, attributes.obj or {}
        if attributes.subresource != "status" or _find_signed_fields(old) == _find_signed_fields(new):
            return
        signer = old.get("spec", {}).get("signerName", "")
        if not await self._is_allowed(attributes, "sign", signer):
            raise forbidden_error(
                attributes, f'user not permitted to sign requests with signerName "{signer}"'
            )


class CertificateSubjectRestriction(AdmissionPlugin):
    name = "CertificateSubjectRestriction"
    operations = frozenset({"CREATE"})
    resources = REQUESTS

    async def validate(self, attributes: Attributes) -> None:
        spec = (attributes.obj or {}).get("spec") or {}
        if attributes.subresource or spec.get("signerName") != _CLIENT_SIGNER:
            return
        request = parse_request(attributes, spec.get("request", ""))
        groups = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        if any(group.value == "system:masters" for group in groups):
            text = f"use of {_CLIENT_SIGNER} signer with system:masters group is not allowed"
            raise forbidden_error(attributes, text)


def _find_signed_fields(request: JsonObject) -> tuple[Any, Any]:
    status = request.get("status") or {}
    return status.get("certificate"), status.get("conditions") or []


def parse_request(
    attributes: Attributes, text: str, *, failed: str = "failed to parse CSR"
) -> x509.CertificateSigningRequest:
    """Parse the CSR in spec.request (base64 of PEM). Raise StatusError 403 with the plugin's text."""
    try:
        pem = base64.b64decode(text, validate=True)
        if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
            raise ValueError("PEM block type must be CERTIFICATE REQUEST")
        return x509.load_pem_x509_csr(pem)
    except (ValueError, binascii.Error) as error:
        raise forbidden_error(attributes, f"{failed}: {error}") from error


def find_common_name(attributes: Attributes, text: str) -> str:
    """Return the last CN of spec.request, "" without one."""
    request = parse_request(attributes, text, failed="unable to parse csr")
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""
