"""Client certificates: CN is the user, O the groups (upstream apiserver/pkg/authentication/request/x509)."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kprov.kube.apiserver.authentication.authorities import AuthorityFile
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery import status

_REMEMBERED: Final = 1024
#: The attribute of a subject that has the user's uid.
_UID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")
#: Groups that say whether somebody is authenticated; with one of them, none is added.
SAID: Final = frozenset({"system:authenticated", "system:unauthenticated"})


#: From when until when.
_Span = tuple[datetime, datetime]


def following(path: str) -> CertificateAuthenticator:
    """Of a PEM file's authorities, also when it changes; an empty path has none."""
    file = AuthorityFile(path)
    return CertificateAuthenticator(file.certificates, file)


class CertificateAuthenticator:
    """Certificates whose issuer is among the authorities.

    TLS has verified the chain of signatures already, but not whether its certificates are in force.
    """

    def __init__(self, authorities: list[x509.Certificate], file: AuthorityFile | None = None) -> None:
        """file: where the authorities are from, to be looked at again."""
        self._authorities = authorities
        self._file = file
        self._known: OrderedDict[bytes, tuple[UserInfo, _Span]] = OrderedDict()

    def reload_if_changed(self) -> None:
        """Take the file's authorities when they are others than before."""
        if self._file is not None and self._file.look():
            self._authorities = self._file.certificates
            self._known.clear()

    def authenticate(self, der: bytes) -> UserInfo | None:
        """The user; None for another authority's certificate, one not for clients, or one without a name.

        Raises StatusError 401 before its time and after it.
        """
        known = self._known.get(der)
        if known is None:
            certificate = x509.load_der_x509_certificate(der)
            span = self._span(certificate)
            if not common_name(certificate) or not _for_clients(certificate) or span is None:
                return None
            known = user_of(certificate, der), span
            self._known[der] = known
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        user, span = known
        if not _is_within(span):
            raise status.unauthorized()
        return user

    def is_wrong(self, der: bytes) -> bool:
        """Whether another authority issued it, or not for clients, or it is not in force.

        Such are wrong credentials, rather than none.
        """
        certificate = x509.load_der_x509_certificate(der)
        span = self._span(certificate)
        return span is None or not _is_within(span) or not _for_clients(certificate)

    def _span(self, certificate: x509.Certificate) -> _Span | None:
        """When it and an authority that signed it are in force; None when none of the authorities has."""
        spans = [
            (
                max(certificate.not_valid_before_utc, authority.not_valid_before_utc),
                min(certificate.not_valid_after_utc, authority.not_valid_after_utc),
            )
            for authority in self._authorities
            if _signed(certificate, authority)
        ]
        return max(spans, key=lambda span: span[1], default=None)


def _is_within(span: _Span) -> bool:
    return span[0] <= datetime.now(UTC) <= span[1]


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def user_of(certificate: x509.Certificate, der: bytes) -> UserInfo:
    """CN, O and uid of the subject; the credential's id is the certificate's fingerprint.

    Raises StatusError 401 for an empty uid, and for several.
    """
    name = common_name(certificate)
    groups = [
        str(attribute.value)
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    if name != "system:anonymous" and not SAID.intersection(groups):
        groups.append("system:authenticated")
    return UserInfo(
        name=name,
        groups=tuple(groups),
        uid=_uid(certificate),
        extra={"authentication.kubernetes.io/credential-id": (f"X509SHA256={sha256(der).hexdigest()}",)},
    )


def common_name(certificate: x509.Certificate) -> str:
    """The subject's CN, the last of several, "" when it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""


def _uid(certificate: x509.Certificate) -> str:
    uids = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(_UID)]
    if len(uids) > 1 or "" in uids:
        raise status.unauthorized()
    return uids[0] if uids else ""
