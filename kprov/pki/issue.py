"""Makes keys and certificates, and checks whether a certificate must be renewed."""

from __future__ import annotations

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kprov.pki.table import CertificateSpec

AUTHORITY_LIFE = dt.timedelta(days=3650)
CERTIFICATE_LIFE = dt.timedelta(days=365)
RENEW_BEFORE = dt.timedelta(days=30)
# Hosts whose clocks are behind must accept a new certificate.
CLOCK_SKEW = dt.timedelta(hours=1)

PrivateKey = ec.EllipticCurvePrivateKey


def new_key() -> PrivateKey:
    """Make an ECDSA key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Encode a key as upstream does: SEC 1 for ECDSA, PKCS #1 for RSA."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def new_authority(common_name: str, key: PrivateKey, now: dt.datetime) -> x509.Certificate:
    """Make a self-signed authority that cannot sign further authorities."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(common_name)]), critical=False)
        .sign(key, hashes.SHA256())
    )


def issue_certificate(
    spec: CertificateSpec,
    key: PrivateKey,
    authority: x509.Certificate,
    authority_key: PrivateKey,
    now: dt.datetime,
    life: dt.timedelta = CERTIFICATE_LIFE,
) -> x509.Certificate:
    """Issue a certificate for `key` by `spec`; it does not outlive its authority."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(spec))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + life, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_purposes(spec)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
    )
    if spec.sans:
        names = x509.SubjectAlternativeName([_general_name(san) for san in spec.sans])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def find_reason_to_renew(
    certificate: x509.Certificate,
    key: PrivateKey,
    spec: CertificateSpec,
    authority: x509.Certificate,
    now: dt.datetime,
) -> str:
    """Return why the certificate must be issued again; empty if it need not."""
    if certificate.public_key() != key.public_key():
        return "does not belong to its key"
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return "was signed by another authority"
    if certificate.subject != _subject(spec):
        return "the subject changed"
    if _sans(certificate) != sorted(spec.sans):
        return "the names and addresses changed"
    if sorted(_list_extended_usages(certificate)) != sorted(
        purpose.dotted_string for purpose in _purposes(spec)
    ):
        return "the usage changed"
    if certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return f"expires {certificate.not_valid_after_utc:%Y-%m-%d}"
    return ""


def _subject(spec: CertificateSpec) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in spec.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name)])


def _purposes(spec: CertificateSpec) -> list[x509.ObjectIdentifier]:
    wanted = ((spec.server, ExtendedKeyUsageOID.SERVER_AUTH), (spec.client, ExtendedKeyUsageOID.CLIENT_AUTH))
    return [purpose for is_wanted, purpose in wanted if is_wanted]


def _general_name(san: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(san))
    except ValueError:
        return x509.DNSName(san)


def _sans(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return sorted(names.get_values_for_type(x509.DNSName) + addresses)


def _list_extended_usages(certificate: x509.Certificate) -> list[str]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [usage.dotted_string for usage in usages]


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
