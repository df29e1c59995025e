"""Signs requests with a key from a file (pkg/controller/certificates/authority)."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

_BACKDATE: Final = dt.timedelta(minutes=5)
#: The end of certificates with a shorter life is not backdated.
_SHORT: Final = dt.timedelta(hours=8)
#: The shortest life of a certificate, in seconds.
MIN_SECONDS: Final = 600

_KEY_USAGES: Final = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_EXTENDED_USAGES: Final = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}
_FORWARDED_NAMES: Final = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)


class SigningError(ValueError):
    """The request cannot be signed; another try may succeed, such as after the authority's renewal."""


class CertificateAuthority:
    """An authority in two PEM files. A renewed authority is read when the files change."""

    def __init__(self, certificate_file: str, key_file: str) -> None:
        """Raise OSError and ValueError if a file is missing or wrong."""
        self._files = (Path(certificate_file), Path(key_file))
        self._texts: tuple[bytes, bytes] | None = None
        self._certificate: x509.Certificate
        self._key: Any
        self._read_files()

    def _read_files(self) -> None:
        texts = (self._files[0].read_bytes(), self._files[1].read_bytes())
        if texts == self._texts:
            return
        key = serialization.load_pem_private_key(texts[1], None)
        # While the authorities of a cluster are replaced, the file has the old one and the new one.
        certificates = x509.load_pem_x509_certificates(texts[0])
        certificate = next(
            (candidate for candidate in certificates if candidate.public_key() == key.public_key()), None
        )
        if certificate is None:
            raise ValueError(f"{self._files[1]} is not the key of {self._files[0]}")
        self._certificate, self._key, self._texts = certificate, key, texts

    def sign(
        self,
        request: x509.CertificateSigningRequest,
        usages: Iterable[str],
        seconds: float,
        now: dt.datetime | None = None,
    ) -> bytes:
        """Return a certificate (PEM) with the request's subject and names. Raises SigningError."""
        self._read_files()
        if not request.is_signature_valid:
            raise SigningError("unable to verify certificate request signature")
        start, end = self._choose_dates(seconds, now or dt.datetime.now(dt.UTC))
        builder = (
            x509.CertificateBuilder()
            .serial_number(x509.random_serial_number())
            .subject_name(request.subject)
            .issuer_name(self._certificate.subject)
            .public_key(request.public_key())
            .not_valid_before(start)
            .not_valid_after(end)
        )
        for extension, critical in self._list_extensions(request, usages):
            builder = builder.add_extension(extension, critical=critical)
        algorithm = None if isinstance(self._key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(self._key, algorithm).public_bytes(serialization.Encoding.PEM)

    def _choose_dates(self, seconds: float, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        life = dt.timedelta(seconds=seconds)
        last = self._certificate.not_valid_after_utc
        if now >= last:
            raise SigningError(f"the signer has expired: NotAfter={last.isoformat()}")
        end = now + life if life < _SHORT else now + life - _BACKDATE
        return now - _BACKDATE, min(end, last)

    def _list_extensions(
        self, request: x509.CertificateSigningRequest, usages: Iterable[str]
    ) -> list[tuple[x509.ExtensionType, bool]]:
        key_usages, extended = _split_usages(usages)
        extensions: list[tuple[x509.ExtensionType, bool]] = []
        if key_usages:
            extensions.append((_make_key_usage(key_usages), True))
        if extended:
            extensions.append((x509.ExtendedKeyUsage(extended), False))
        extensions.append((x509.BasicConstraints(ca=False, path_length=None), True))
        try:
            own = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
            extensions.append((identifier, False))
        except x509.ExtensionNotFound:
            pass
        try:
            names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = None
        forwarded = [name for name in names or [] if isinstance(name, _FORWARDED_NAMES)]
        if forwarded:
            # RFC 5280: critical if there is no subject.
            extensions.append((x509.SubjectAlternativeName(forwarded), not list(request.subject)))
        return extensions


def _split_usages(usages: Iterable[str]) -> tuple[set[str], list[ObjectIdentifier]]:
    key_usages: set[str] = set()
    extended: list[ObjectIdentifier] = []
    unknown = []
    for usage in usages:
        if usage in _KEY_USAGES:
            key_usages.add(_KEY_USAGES[usage])
        elif usage in _EXTENDED_USAGES:
            extended.append(_EXTENDED_USAGES[usage])
        else:
            unknown.append(usage)
    if unknown:
        raise SigningError(f"unrecognized usage values: {unknown}")
    order = list(dict.fromkeys(_EXTENDED_USAGES.values()))
    return key_usages, sorted(set(extended), key=order.index)


def _make_key_usage(names: set[str]) -> x509.KeyUsage:
    agreement = "key_agreement" in names
    return x509.KeyUsage(
        **{name: name in names for name in dict.fromkeys(_KEY_USAGES.values())}
        # Without key agreement these two have no meaning (RFC 5280, 4.2.1.3).
        | {name: agreement and name in names for name in ("encipher_only", "decipher_only")}
    )
