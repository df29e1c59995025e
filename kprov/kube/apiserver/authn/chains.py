"""Verify the chain of a client's certificate to an authority, as Go's crypto/x509 does.

OpenSSL verifies it in the handshake too, but against the authorities of clients and front proxies together,
including removed ones, and without its validity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.oid import ExtensionOID as Known

from kprov.kube.apiserver.authn import name_constraints

#: The first and the last moment of validity.
Span = tuple[datetime, datetime]
_E = TypeVar("_E", bound=x509.ExtensionType)

#: The maximum of signature checks for one client, against chains of many authorities of one name.
_CHECKS: Final = 100
#: Critical extensions that this module supports.
_UNDERSTOOD: Final = {
    Known.KEY_USAGE, Known.BASIC_CONSTRAINTS, Known.SUBJECT_ALTERNATIVE_NAME, Known.NAME_CONSTRAINTS,
    Known.EXTENDED_KEY_USAGE, Known.CERTIFICATE_POLICIES, Known.POLICY_MAPPINGS, Known.POLICY_CONSTRAINTS,
    Known.INHIBIT_ANY_POLICY, Known.CRL_DISTRIBUTION_POINTS, Known.AUTHORITY_KEY_IDENTIFIER,
    Known.SUBJECT_KEY_IDENTIFIER,
}  # fmt: skip


def find_validity(shown: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> list[Span]:
    """Return the validity of each chain from the first certificate to an authority; [] without a chain.

    The other certificates are possible intermediates, in any order. Each certificate of a chain must allow
    client authentication.
    """
    try:
        leaf, *between = [_parse_certificate(certificate) for certificate in shown]
        anchors = [_parse_certificate(certificate) for certificate in authorities]
    except ValueError:
        return []  # an extension cannot be parsed
    if not leaf.is_understood:
        return []
    chains = [[leaf]] if leaf.certificate in authorities else _ChainSearch(anchors, between).extend([leaf])
    return [_intersect_validity(chain) for chain in chains if all(link.is_for_clients for link in chain)]


@dataclass(frozen=True, slots=True)
class _ChainCertificate:
    """A certificate with its parsed extensions. path_length: None for no limit."""

    certificate: x509.Certificate
    #: Subject, key and alternative names, to find the certificate in a chain.
    identity: tuple[bytes, bytes, tuple[x509.GeneralName, ...]]
    names: tuple[x509.GeneralName, ...]
    constraints: x509.NameConstraints | None
    is_authority: bool
    may_sign: bool
    path_length: int | None
    is_for_clients: bool
    is_understood: bool

    def can_issue(self, chain: Sequence[_ChainCertificate]) -> bool:
        """Whether it can be the issuer of the chain's last certificate. Does not check the signature."""
        if chain[-1].certificate.issuer != self.certificate.subject:
            return False
        if not self.is_understood or not self.may_sign or self.identity in {link.identity for link in chain}:
            return False
        if self.path_length is not None and len(chain) - 1 > self.path_length:
            return False
        limits = self.constraints
        return limits is None or all(name_constraints.are_within(link.names, limits) for link in chain)


class _ChainSearch:
    def __init__(self, anchors: Sequence[_ChainCertificate], between: Sequence[_ChainCertificate]) -> None:
        self._anchors = anchors
        self._between = [link for link in between if link.is_authority]
        self._checks = 0

    def extend(self, chain: list[_ChainCertificate]) -> Iterator[list[_ChainCertificate]]:
        """Yield all chains that extend this one to an authority."""
        for parent in self._anchors:
            if parent.can_issue(chain) and self._is_signed_by(chain[-1], parent):
                yield [*chain, parent]
        for parent in self._between:
            if parent.can_issue(chain) and self._is_signed_by(chain[-1], parent):
                yield from self.extend([*chain, parent])

    def _is_signed_by(self, child: _ChainCertificate, parent: _ChainCertificate) -> bool:
        self._checks += 1
        if self._checks > _CHECKS:
            return False
        try:
            if isinstance(child.certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
                return False
            child.certificate.verify_directly_issued_by(parent.certificate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True


def _parse_certificate(certificate: x509.Certificate) -> _ChainCertificate:
    """Raise ValueError for an invalid or duplicate extension."""
    extensions = certificate.extensions
    alternative = _find_extension(extensions, x509.SubjectAlternativeName)
    names = tuple(alternative or ())
    basic = _find_extension(extensions, x509.BasicConstraints)
    usage = _find_extension(extensions, x509.KeyUsage)
    constraints = _find_extension(extensions, x509.NameConstraints)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    is_authority = basic is not None and basic.ca
    # X.509 v1 certificates have no basic constraints.
    may_be = certificate.version is x509.Version.v1 if basic is None else basic.ca
    return _ChainCertificate(
        certificate=certificate,
        identity=(certificate.subject.public_bytes(), key, names),
        names=names,
        constraints=constraints,
        is_authority=is_authority,
        may_sign=may_be and (usage is None or usage.key_cert_sign),
        path_length=None if basic is None else basic.path_length,
        is_for_clients=_is_for_clients(extensions),
        is_understood=all(_is_supported(extension) for extension in extensions if extension.critical),
    )


def _find_extension(extensions: x509.Extensions, kind: type[_E]) -> _E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_supported(extension: x509.Extension[x509.ExtensionType]) -> bool:
    if isinstance(extension.value, x509.NameConstraints):
        return name_constraints.are_supported(extension.value)
    return extension.oid in _UNDERSTOOD


def _is_for_clients(extensions: x509.Extensions) -> bool:
    usage = _find_extension(extensions, x509.ExtendedKeyUsage)
    if usage is None:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def _intersect_validity(chain: Sequence[_ChainCertificate]) -> Span:
    return (
        max(link.certificate.not_valid_before_utc for link in chain),
        min(link.certificate.not_valid_after_utc for link in chain),
    )
