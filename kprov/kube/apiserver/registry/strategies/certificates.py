"""Certificate signing requests: written once, then only their conditions and certificate.

Source: upstream pkg/registry/certificates/certificates/strategy.go, pkg/apis/certificates/validation.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy, keep
from kprov.kube.apiserver.registry.strategies import signing_conditions as conditions
from kprov.kube.apiserver.registry.strategies.signer_names import signer_name
from kprov.kube.apiserver.request import RequestContext
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


class CertificateSigningRequestStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        obj.setdefault("spec", {})

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """Who asks is written by the server, or a signer could be told anything."""
        super().prepare_for_create(context, obj)
        spec = obj["spec"]
        for name in ("username", "uid", "groups", "extra"):
            spec.pop(name, None)
        spec.update(context.user.document())

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        keep(obj, old, "spec")
        keep(obj, old, "status")

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        keep(obj, old, "spec")
        conditions.keep_decisions(obj, old)
        conditions.set_times(obj, old)

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"spec.signerName": (obj.get("spec") or {}).get("signerName", "")}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return _spec(obj["spec"]) + conditions.validate(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return conditions.validate_change(obj, old, decides=False)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = conditions.validate(obj)
        new, before = ((each.get("status") or {}).get("certificate") for each in (obj, old))
        if new and (text := _certificate_fault(new)):
            errors.append(field.invalid("status.certificate", "<certificate data>", text))
        errors += conditions.validate_change(obj, old, decides=False)
        if before and new != before:
            text = "updates may not modify existing certificate content"
            errors.append(field.forbidden("status.certificate", text))
        return errors


def _spec(spec: JsonObject) -> list[FieldError]:
    errors: list[FieldError] = []
    request = spec.get("request") or ""
    fault = _request_fault(request)
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
    errors += [
        field.duplicate(f"spec.usages[{index}]", usage)
        for index, usage in enumerate(usages)
        if usage in usages[:index]
    ]
    signer = spec.get("signerName", "")
    if signer == "kubernetes.io/legacy-unknown":
        text = "the legacy signerName is not allowed via this API version"
        errors.append(field.invalid("spec.signerName", signer, text))
    else:
        errors += signer_name(signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SECONDS_MIN:
        text = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(field.invalid("spec.expirationSeconds", seconds, text))
    return errors


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _request_fault(text: str) -> str:
    """Why a request in base64 of PEM cannot be used, "" when it can."""
    data = _decoded(text)
    if not data.lstrip().startswith(_BEGIN + b"CERTIFICATE REQUEST-----"):
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        request = x509.load_pem_x509_csr(data)
        return "" if request.is_signature_valid else "x509: ECDSA verification failure"
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"x509: malformed certificate request: {error}"


def _certificate_fault(text: str) -> str:
    data = _decoded(text)
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
