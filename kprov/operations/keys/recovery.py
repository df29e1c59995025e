"""Decides from hosts' copies what the authorities and keys of a cluster are. Reads and writes nothing.

A host is not trusted: its copies are data. All hosts must have the same authorities, a key must belong to its
certificate, and a certificate must be issued by its authority. Otherwise the error names the host.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kprov.errors import PreflightError
from kprov.pki import issue
from kprov.pki.encryption_keys import EncryptionKeys

T = TypeVar("T")

#: Authorities in one file: two during a rotation, three if a recovered one is rotated again.
_MOST_AUTHORITIES = 4
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PUBLIC_KEY = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
#: A key of the EncryptionConfiguration that the role kube_apiserver renders.
_ENCRYPTION_KEY = re.compile(
    r"^ *- name: ([A-Za-z0-9][A-Za-z0-9._-]{0,62})\n *secret: ([A-Za-z0-9+/]{16,88}={0,2})$", re.MULTILINE
)
_ADMIN = re.compile(rb"client-(certificate|key)-data: ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True)
class Copy:
    """A file on a host."""

    host: str
    path: str
    content: bytes


@dataclass(frozen=True)
class Authority:
    """An authority: its certificates, the first of which belongs to the key; None if no host has that."""

    certificates: tuple[x509.Certificate, ...]
    pem: bytes
    key: bytes | None

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether one of its certificates issued this one."""
        return any(_is_issued_by(certificate, authority) for authority in self.certificates)


def agree(copies: Iterable[Copy], parse: Callable[[Copy], T]) -> T:
    """Return what all copies say. Raises PreflightError that names the hosts which differ from most."""
    hosts: dict[T, list[Copy]] = {}
    for copy in copies:
        hosts.setdefault(parse(copy), []).append(copy)
    (value, most), *others = sorted(hosts.items(), key=lambda entry: -len({copy.host for copy in entry[1]}))
    if others:
        differing = [copy for _, group in others for copy in group]
        names = ", ".join(dict.fromkeys(copy.host for copy in differing))
        rest = ", ".join(f"{copy.path} of {copy.host}" for copy in most)
        raise PreflightError(
            names,
            f"{differing[0].path} differs from {rest}. Find out which hosts are right. Bring the file of the "
            "others in line, or leave these hosts out with --limit",
        )
    return value


def read_authority(copies: Sequence[Copy], keys: Sequence[Copy]) -> Authority:
    """Return an authority from the hosts' copies of it and of its key. Raises PreflightError."""
    pem = agree(copies, _read_authorities)
    certificates = tuple(x509.load_pem_x509_certificates(pem))
    public = certificates[0].public_key()
    key = None
    for copy in keys:
        private_key = _read_private(copy)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey) or private_key.public_key() != public:
            raise PreflightError(copy.host, f"{copy.path} is not the key of {copies[0].path}")
        key = issue.key_pem(private_key)
    return Authority(certificates, pem, key)


def read_service_account_keys(private: Sequence[Copy], public: Sequence[Copy]) -> dict[str, bytes]:
    """Return sa.key, sa.pub, and sa-old.pub with the keys that sign no more. Raises PreflightError."""

    def read(copy: Copy) -> bytes:
        key = _read_private(copy)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise PreflightError(copy.host, f"{copy.path} is not an RSA key")
        return issue.key_pem(key)

    key = agree(private, read)
    accepted = agree(public, _read_public_keys)
    own = serialization.load_pem_private_key(key, password=None)
    assert isinstance(own, rsa.RSAPrivateKey)
    signing = issue.public_pem(own)
    if signing not in accepted:
        raise PreflightError(private[0].host, f"{public[0].path} has not the key of {private[0].path}")
    old = b"".join(pem for pem in accepted if pem != signing)
    return {"sa.key": key} | ({"sa-old.pub": old} if old else {}) | {"sa.pub": signing + old}


def read_encryption_keys(copies: Sequence[Copy]) -> EncryptionKeys | None:
    """Return the keys of the hosts' EncryptionConfigurations in their order. Raises PreflightError."""

    def read(copy: Copy) -> tuple[tuple[str, str], ...]:
        keys = dict.fromkeys(_ENCRYPTION_KEY.findall(copy.content.decode("utf-8", "replace")))
        try:
            sizes = {len(base64.b64decode(secret, validate=True)) for _, secret in keys}
        except binascii.Error:
            sizes = set()
        if not keys or len({name for name, _ in keys}) != len(keys) or not sizes <= {16, 24, 32} or not sizes:
            raise PreflightError(copy.host, f"{copy.path} does not have the encryption keys of a cluster")
        return tuple(keys)

    if not copies:
        return None
    keys = agree(copies, read)
    return EncryptionKeys(tuple({"name": name, "secret": secret} for name, secret in keys))


def find_pair_problem(certificate: Copy | None, key: Copy | None, authority: Authority) -> str:
    """Return why a host's certificate and key cannot be used; empty if they can."""
    if certificate is None or key is None:
        return "is missing"
    try:
        parsed = x509.load_pem_x509_certificate(certificate.content)
        private = _read_private(key)
    except (ValueError, PreflightError):
        return "is not a certificate with its key"
    if parsed.public_key() != private.public_key():  # type: ignore[attr-defined]
        return f"does not belong to {key.path}"
    return "" if authority.has_issued(parsed) else "was not issued by the cluster's authority"


def split_admin_kubeconfig(copy: Copy) -> tuple[Copy, Copy] | None:
    """Return the certificate and the key in a host's kubeconfig of the administrator."""
    try:
        parts = {kind: base64.b64decode(text, validate=True) for kind, text in _ADMIN.findall(copy.content)}
    except binascii.Error:
        return None
    if not {b"certificate", b"key"} <= set(parts):
        return None
    return Copy(copy.host, copy.path, parts[b"certificate"]), Copy(copy.host, copy.path, parts[b"key"])


def group_by_name(copies: Iterable[tuple[str, Copy]]) -> dict[str, list[Copy]]:
    """Return the copies by the names that they have below `pki/`."""
    groups: dict[str, list[Copy]] = {}
    for name, copy in copies:
        groups.setdefault(name, []).append(copy)
    return groups


def _read_authorities(copy: Copy) -> bytes:
    """Return the certificates of an authority in PEM, without anything else that the file has."""
    try:
        blocks = _CERTIFICATE.findall(copy.content)
        certificates = [x509.load_pem_x509_certificate(block) for block in blocks]
        valid = 0 < len(certificates) <= _MOST_AUTHORITIES and all(map(_is_authority, certificates))
    except ValueError:
        valid = False
    if not valid:
        raise PreflightError(copy.host, f"{copy.path} does not have the certificate of an authority")
    return b"".join(map(issue.certificate_pem, certificates))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and _is_issued_by(certificate, certificate)


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _read_private(copy: Copy) -> object:
    try:
        return serialization.load_pem_private_key(copy.content, password=None)
    except (ValueError, TypeError) as error:
        raise PreflightError(copy.host, f"{copy.path} is not a private key in PEM") from error


def _read_public_keys(copy: Copy) -> tuple[bytes, ...]:
    """Return the RSA keys of a file with public keys in PEM, in their order."""
    keys = []
    try:
        for block in _PUBLIC_KEY.findall(copy.content):
            key = serialization.load_pem_public_key(block)
            if not isinstance(key, rsa.RSAPublicKey):
                raise TypeError("not an RSA key")
            keys.append(
                key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            )
    except (ValueError, TypeError) as error:
        raise PreflightError(copy.host, f"{copy.path} does not have public keys: {error}") from error
    return tuple(dict.fromkeys(keys))
