"""Certificate requests: which a kubelet may make, how long certificates live, when requests are deleted."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kprov.kube.controller_manager.certificates import requests
from kprov.kube.controller_manager.certificates.authority import CertificateAuthority, SigningError
from kprov.kube.controller_manager.certificates.cleaner import find_reason
from kprov.kube.controller_manager.certificates.signing import choose_seconds
from kprov.kube.machinery.json_object import JsonObject
from tests.certificates import Issuer

KEY = ec.generate_private_key(ec.SECP256R1())
HOST, ADDRESS = x509.DNSName("n1"), x509.IPAddress(ip_address("192.0.2.1"))
MAIL = x509.RFC822Name("a@b.c")
HOUR = 3600.0
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def make_request(
    name: str = "system:node:n1", organization: str = "system:nodes", *names: x509.GeneralName
) -> x509.CertificateSigningRequest:
    subject = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256())


@pytest.mark.parametrize(
    ("request_", "usages", "message"),
    [
        (make_request(), ["digital signature", "client auth"], ""),
        (make_request(), ["digital signature", "client auth", "key encipherment"], ""),
        (make_request(organization="x"), [], "subject organization is not system:nodes"),
        (
            make_request("n1"),
            ["digital signature", "client auth"],
            "subject common name does not begin with system:node:",
        ),
        (make_request("system:node:n1", "system:nodes", HOST), [], "DNS subjectAltNames are not allowed"),
        (make_request("system:node:n1", "system:nodes", ADDRESS), [], "IP subjectAltNames are not allowed"),
        (
            make_request(),
            ["client auth"],
            "usages did not match [client auth digital signature key encipherment]",
        ),
    ],
)
def test_client_certificates_of_kubelets(
    request_: x509.CertificateSigningRequest, usages: list[str], message: str
) -> None:
    if not message:
        requests.check_kubelet_client(request_, usages)
        return
    with pytest.raises(requests.RequestError) as caught:
        requests.check_kubelet_client(request_, usages)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([HOST], ""),
        ([ADDRESS], ""),
        ([], "DNS or IP subjectAltName is required"),
        ([HOST, MAIL], "Email subjectAltNames are not allowed"),
    ],
)
def test_serving_certificates_of_kubelets(names: list[x509.GeneralName], message: str) -> None:
    request = make_request("system:node:n1", "system:nodes", *names)
    usages = ["digital signature", "key encipherment", "server auth"]
    if not message:
        requests.check_kubelet_serving(request, usages)
        return
    with pytest.raises(requests.RequestError) as caught:
        requests.check_kubelet_serving(request, usages)
    assert str(caught.value) == message


def make_authority(folder: Path, issuer: Issuer) -> CertificateAuthority:
    (folder / "ca.crt").write_bytes(issuer.certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "ca.key").write_bytes(
        issuer._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return CertificateAuthority(str(folder / "ca.crt"), str(folder / "ca.key"))


def test_the_certificate_of_the_key_signs_if_the_file_has_two(tmp_path: Path) -> None:
    old, new = Issuer("old"), Issuer("new")
    texts = [each.certificate.public_bytes(serialization.Encoding.PEM) for each in (old, new)]
    authority = make_authority(tmp_path, new)
    for bundle in (texts[0] + texts[1], texts[1] + texts[0]):
        (tmp_path / "ca.crt").write_bytes(bundle)
        signed = x509.load_pem_x509_certificate(authority.sign(make_request(), ["client auth"], HOUR))
        signed.verify_directly_issued_by(new.certificate)
    (tmp_path / "ca.crt").write_bytes(texts[0])
    with pytest.raises(ValueError, match="is not the key of"):
        authority.sign(make_request(), ["client auth"], HOUR)


def test_short_certificates_are_not_shortened_and_none_outlives_its_authority(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, Issuer("ca", days=10))
    now = datetime.now(UTC).replace(microsecond=0)

    def life(seconds: float) -> timedelta:
        text = authority.sign(make_request(), ["client auth"], seconds, now)
        certificate = x509.load_pem_x509_certificate(text)
        assert certificate.not_valid_before_utc == now - timedelta(minutes=5)
        return certificate.not_valid_after_utc - now

    assert life(HOUR) == timedelta(hours=1)
    assert life(24 * HOUR) == timedelta(hours=24, minutes=-5)
    assert life(365 * 24 * HOUR) <= timedelta(days=10)


def test_a_certificate_has_the_usages_of_its_request_and_is_no_authority(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, Issuer("ca"))
    usages = ["key encipherment", "server auth", "digital signature", "client auth"]
    certificate = x509.load_pem_x509_certificate(authority.sign(make_request(), usages, HOUR))
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_encipherment, usage.value.key_cert_sign) == (
        True,
        True,
        False,
    )
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(SigningError, match="unrecognized usage"):
        authority.sign(make_request(), ["flying"], HOUR)


def test_an_exchanged_authority_is_used_from_the_next_certificate_on(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, Issuer("old"))
    make_authority(tmp_path, Issuer("new"))
    certificate = x509.load_pem_x509_certificate(authority.sign(make_request(), ["client auth"], HOUR))
    assert certificate.issuer.rfc4514_string() == "CN=new"


@pytest.mark.parametrize(("requested", "seconds"), [(None, 86400), (60, 600), (7200, 7200), (10**6, 86400)])
def test_certificates_live_as_requested_within_limits(requested: int | None, seconds: float) -> None:
    assert choose_seconds(requested, 86400) == seconds


def make_document(age: float, kind: str = "", certificate: bytes = b"") -> JsonObject:
    when = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [{"type": kind, "status": "True", "lastUpdateTime": when}] if kind else []
    status = {"conditions": conditions, "certificate": b64encode(certificate).decode()}
    return {"metadata": {"name": "x", "creationTimestamp": when}, "status": status}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (make_document(23 * HOUR), None),
        (make_document(25 * HOUR), "nobody answered it"),
        (make_document(0.5 * HOUR, "Denied"), None),
        (make_document(2 * HOUR, "Denied"), "it is Denied"),
        (make_document(2 * HOUR, "Failed"), "it is Failed"),
        (make_document(2 * HOUR, "Approved"), None),
        (make_document(25 * HOUR, "Approved"), "no signer issued it"),
        (make_document(0.5 * HOUR, "Approved", b"broken"), None),
        (make_document(2 * HOUR, "Approved", b"any"), "its certificate was issued"),
    ],
)
def test_requests_are_deleted_some_time_after_their_answer(document: JsonObject, reason: str | None) -> None:
    assert find_reason(document, NOW.timestamp()) == reason
