"""Field rules of certificate signing requests.

Source: upstream pkg/apis/certificates/validation/validation.go.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.signer_name import check_signer_name
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_USAGES: Final = (
    *("any", "cert sign", "client auth", "code signing", "content commitment", "crl sign"),
    *("data encipherment", "decipher only", "digital signature", "email protection", "encipher only"),
    *("ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment"),
    *("microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"),
)
_SECONDS_MIN: Final = 600
_BEGIN: Final = b"-----BEGIN "


def validate_spec(spec: JsonObject) -> list[FieldError]:
    errors: list[FieldError] = []
    request = spec.get("request") or ""
    fault = _find_request_problem(request)
    if fault:
        errors.append(field.invalid("spec.request", spec.get("request"), fault))
    usages = spec.get("usages") or []
    if not usages:
        errors.append(field.required("spec.usages"))
    errors += [
        field.not_supported(f"spec.usages[{index}]", usage, list(_USAGES))
        for index, usage in enumerate(usages)
        if usage not in _USAGES
    ]
    repeats = checks.find_repeats(usages)
    errors += [
        field.duplicate(f"spec.usages[{index}]", usage)
        for index, usage in enumerate(usages)
        if index in repeats
    ]
    signer = spec.get("signerName", "")
    if signer == "kubernetes.io/legacy-unknown":
        text = "the legacy signerName is not allowed via this API version"
        errors.append(field.invalid("spec.signerName", signer, text))
    else:
        errors += check_signer_name(signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SECONDS_MIN:
        text = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(field.invalid("spec.expirationSeconds", seconds, text))
    return errors


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _find_request_problem(text: str) -> str:
    """Why a PEM request in base64 is invalid; "" if it is valid."""
    data = _decode_base64(text)
    if not data.lstrip().startswith(_BEGIN + b"CERTIFICATE REQUEST-----"):
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        request = x509.load_pem_x509_csr(data)
        return "" if request.is_signature_valid else "x509: ECDSA verification failure"
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"x509: malformed certificate request: {error}"


def find_certificate_problem(text: str) -> str:
    data = _decode_base64(text)
    if _BEGIN not in data:
        return "must contain at least one CERTIFICATE PEM block"
    for block in data.split(_BEGIN)[1:]:
        kind, _, body = block.partition(b"-----")
        if kind != b"CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{kind.decode(errors="replace")}"'
        if b":" in body.partition(b"-----END")[0]:
            return "no PEM block headers are permitted"
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError as error:
        return f"x509: malformed certificate: {error}"
    return ""
