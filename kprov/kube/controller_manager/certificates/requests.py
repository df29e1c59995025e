"""What the three controllers read in a CertificateSigningRequest."""

import base64
from collections.abc import Collection, Iterator
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from kprov.kube.machinery.json_object import JsonObject

GROUP: Final = "certificates.k8s.io"
KUBELET_SERVING: Final = "kubernetes.io/kubelet-serving"
KUBELET_CLIENT: Final = "kubernetes.io/kube-apiserver-client-kubelet"
API_CLIENT: Final = "kubernetes.io/kube-apiserver-client"
LEGACY_UNKNOWN: Final = "kubernetes.io/legacy-unknown"

_NODES: Final = "system:nodes"
_NODE_PREFIX: Final = "system:node:"


class RequestError(ValueError):
    """A request that its signer must not sign; the message is upstream's."""


def parse_request(document: JsonObject) -> x509.CertificateSigningRequest:
    """Return the PKCS#10 request of the object. Raises ValueError."""
    text = base64.b64decode(document["spec"]["request"])
    return x509.load_pem_x509_csr(text)


def has_condition(document: JsonObject, kind: str) -> bool:
    """Whether the object has a condition of this type that is not False."""
    return any(
        condition["type"] == kind and condition.get("status", "True") != "False"
        for condition in list_conditions(document)
    )


def list_conditions(document: JsonObject) -> list[JsonObject]:
    """Return the conditions of the object."""
    return list((document.get("status") or {}).get("conditions") or [])


def is_issued(document: JsonObject) -> bool:
    """Whether the object has its certificate."""
    return bool((document.get("status") or {}).get("certificate"))


def check_kubelet_client(request: x509.CertificateSigningRequest, usages: Collection[str]) -> None:
    """Raise RequestError unless it is a kubelet's request for its client certificate."""
    _check_organization(request)
    names = list(_alternative_names(request))
    for kind, text in (
        (x509.DNSName, "DNS subjectAltNames are not allowed"),
        (x509.RFC822Name, "Email subjectAltNames are not allowed"),
        (x509.IPAddress, "IP subjectAltNames are not allowed"),
        (x509.UniformResourceIdentifier, "URI subjectAltNames are not allowed"),
    ):
        if any(isinstance(name, kind) for name in names):
            raise RequestError(text)
    _check_common_name(request)
    _check_usages(usages, "client auth")


def check_kubelet_serving(request: x509.CertificateSigningRequest, usages: Collection[str]) -> None:
    """Raise RequestError unless it is a kubelet's request for its serving certificate."""
    _check_organization(request)
    names = list(_alternative_names(request))
    if not any(isinstance(name, x509.DNSName | x509.IPAddress) for name in names):
        raise RequestError("DNS or IP subjectAltName is required")
    if any(isinstance(name, x509.RFC822Name) for name in names):
        raise RequestError("Email subjectAltNames are not allowed")
    if any(isinstance(name, x509.UniformResourceIdentifier) for name in names):
        raise RequestError("URI subjectAltNames are not allowed")
    _check_usages(usages, "server auth")
    _check_common_name(request)


def check_api_client(_: x509.CertificateSigningRequest, usages: Collection[str]) -> None:
    """Raise RequestError unless the usages are those of a client of the API server."""
    for usage in usages:
        if usage not in ("digital signature", "key encipherment", "client auth"):
            raise RequestError(f"invalid usage for client certificate: {usage}")
    if "client auth" not in usages:
        raise RequestError("missing required usage for client certificate: client auth")


def read_common_name(request: x509.CertificateSigningRequest) -> str:
    """Return the subject's last common name, as Go's pkix.Name has it; empty without one."""
    values = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[-1].value) if values else ""


def _check_organization(request: x509.CertificateSigningRequest) -> None:
    values = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if [value.value for value in values] != [_NODES]:
        raise RequestError("subject organization is not system:nodes")


def _check_common_name(request: x509.CertificateSigningRequest) -> None:
    if not read_common_name(request).startswith(_NODE_PREFIX):
        raise RequestError("subject common name does not begin with system:node:")


def _check_usages(usages: Collection[str], required: str) -> None:
    """Key encipherment is only for RSA keys, and optional."""
    if set(usages) - {"key encipherment"} != {"digital signature", required}:
        names = " ".join(sorted(["digital signature", "key encipherment", required]))
        raise RequestError(f"usages did not match [{names}]")


def _alternative_names(request: x509.CertificateSigningRequest) -> Iterator[x509.GeneralName]:
    try:
        extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return
    yield from extension.value
