"""Client certificates: CN is the user, O the groups (upstream apiserver/pkg/authentication/request/x509)."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from kprov.kube.apiserver.authn import chains
from kprov.kube.apiserver.authn.authorities import AuthorityFile
from kprov.kube.apiserver.authn.chains import Span
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery import status
from kprov.kube.machinery.key_bounds import BoundedCache

_REMEMBERED: Final = 1024
#: The longest chain that is remembered, in bytes.
_MAX_CHAIN: Final = 16 * 1024
#: The subject attribute with the user's uid.
_UID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")
#: A certificate with one of these groups gets neither added.
SAID: Final = frozenset({"system:authenticated", "system:unauthenticated"})


#: The certificates of a client in DER, its own first.
Shown = tuple[bytes, ...]


def follow_file(path: str) -> CertificateAuthenticator:
    """Return an authenticator for the authorities of a PEM file, which is reloaded; none for no path."""
    file = AuthorityFile(path)
    return CertificateAuthenticator(file.certificates, file)


class CertificateAuthenticator:
    """Accepts certificates with a chain to an authority, perhaps over others that the client sends."""

    def __init__(self, authorities: list[x509.Certificate], file: AuthorityFile | None = None) -> None:
        """file: the source of the authorities, for reloads."""
        self._authorities = authorities
        self._file = file
        self._known: BoundedCache[Shown, tuple[UserInfo, list[Span]]] = BoundedCache(_REMEMBERED, _MAX_CHAIN)

    def reload_if_changed(self) -> None:
        """Use the new authorities of the file if it changed."""
        if self._file is not None and self._file.reload():
            self._authorities = self._file.certificates
            self._known.clear()

    def authenticate(self, shown: Shown) -> UserInfo | None:
        """Return the user; None without a chain for client authentication, or without a common name.

        Raise StatusError 401 outside of the certificate's validity.
        """
        known = self._known.get(shown)
        if known is None:
            certificate = x509.load_der_x509_certificate(shown[0])
            spans = self._find_validity(shown)
            if not spans or not find_common_name(certificate):
                return None
            known = build_user(certificate, shown[0]), spans
            self._known.put(shown, known)
        user, spans = known
        if not _is_in_force(spans):
            raise status.unauthorized()
        return user

    def is_rejected(self, shown: Shown) -> bool:
        """Whether the certificate has no valid chain for client authentication.

        Then the request has wrong credentials rather than none.
        """
        return not _is_in_force(self._find_validity(shown))

    def _find_validity(self, shown: Shown) -> list[Span]:
        try:
            certificates = [x509.load_der_x509_certificate(der) for der in shown]
        except ValueError:
            return []
        return chains.find_validity(certificates, self._authorities)


def _is_in_force(spans: list[Span]) -> bool:
    now = datetime.now(UTC)
    return any(begins <= now <= ends for begins, ends in spans)


def build_user(certificate: x509.Certificate, der: bytes) -> UserInfo:
    """Return the user of the subject's CN, O and uid; the credential id is the certificate's fingerprint.

    Raise StatusError 401 for an empty uid and for several.
    """
    name = find_common_name(certificate)
    groups = [
        str(attribute.value)
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    if name != "system:anonymous" and not SAID.intersection(groups):
        groups.append("system:authenticated")
    return UserInfo(
        name=name,
        groups=tuple(groups),
        uid=_find_uid(certificate),
        extra={"authentication.kubernetes.io/credential-id": (f"X509SHA256={sha256(der).hexdigest()}",)},
    )


def find_common_name(certificate: x509.Certificate) -> str:
    """Return the subject's last CN, "" without one."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""


def _find_uid(certificate: x509.Certificate) -> str:
    uids = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(_UID)]
    if len(uids) > 1 or "" in uids:
        raise status.unauthorized()
    return uids[0] if uids else ""
