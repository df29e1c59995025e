"""Certificates made by tests, over the same fields for those in memory and those in files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier


class Issuer:
    """A certificate authority in memory."""

    def __init__(
        self,
        name: str,
        *,
        days: float = 10,
        above: Issuer | None = None,
        path_length: int | None = None,
        says: Sequence[x509.ExtensionType] = (),
    ) -> None:
        """days: until it ends. above: who signs it, itself for None. says: extensions of its own."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = above or self
        builder = signer._builder(self._name, self._key, days=days, is_ca=True, path_length=path_length)
        for extension in says:
            builder = builder.add_extension(extension, critical=False)
        self.certificate = builder.sign(signer._key, hashes.SHA256())

    def issued(
        self,
        name: str,
        groups: Sequence[str] = (),
        *,
        days: float = 1,
        begins: float = -5,
        serves: bool = False,
        asks: bool = False,
        usage: ObjectIdentifier | None = None,
        more: Sequence[x509.NameAttribute[str]] = (),
        says: Sequence[x509.ExtensionType] = (),
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A certificate and its key: a client's, or (`serves`) one of 127.0.0.1; negative days: it has ended.

        begins: in days from now. asks: what serves is also a client, as members of an etcd are to each other. more: of its subject.
        says: extensions of its own.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        if name:
            subject.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
        subject += more
        own = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(x509.Name(subject), key, days=days, is_ca=False, begins=begins)
        usages = [usage or own, *([ExtendedKeyUsageOID.CLIENT_AUTH] if asks else [])]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        for extension in says:
            builder = builder.add_extension(extension, critical=False)
        if serves:
            names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()), key

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: float,
        is_ca: bool,
        begins: float = -5,
        path_length: int | None = None,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begins))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
        )
