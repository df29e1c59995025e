"""Rejects a run whose certificate authorities are not those of the running cluster.

With a lost or exchanged `artifacts/`, the hosts would get new authorities that no running component trusts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kprov.errors import InputError
from kprov.operations.running_cluster import Setting
from kprov.pki import encryption_keys

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PUBLIC_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_SECRET = re.compile(r"^ *secret: (\S+)$", re.MULTILINE)
_ADVICE = (
    "Restore the folder from the machine or backup that installed the cluster, or move it away and fetch "
    "what the hosts have with `kprov certs recover`, or remove the cluster with `kprov reset` and create a "
    "new one"
)


def check_shared_credentials(pki: Path, credentials: Mapping[str, Sequence[Setting]]) -> None:
    """Raise InputError if a running cluster's authority or service account key is not the one in `pki`.

    `credentials`: the copies on the hosts by the names that they have in `pki`.
    """
    for name, copies in credentials.items():
        find = find_lost_keys if name == encryption_keys.NAME else find_mismatch
        problem = find(pki / name, copies)
        if problem is not None:
            raise InputError(f"{problem}. {_ADVICE}", file=pki / name)


def find_mismatch(file: Path, copies: Sequence[Setting]) -> str | None:
    """Compare public keys, so that a renewed certificate of the same key is accepted.

    A run that was interrupted may have reached some hosts only. One host with the same key is enough.
    """
    keys = {copy.host: read_public_keys(copy.value) for copy in copies}
    if not any(keys.values()):
        return None
    first = next(copy for copy in copies if keys[copy.host])
    if not file.exists():
        return f"is missing, but the cluster runs with {first.path} of {first.host}"
    own = read_public_keys(file.read_text())
    if any(own & host_keys for host_keys in keys.values()):
        return None
    return f"differs from that of the running cluster ({first.host}: {first.path})"


def find_lost_keys(file: Path, copies: Sequence[Setting]) -> str | None:
    """Return why `file` has no key of a host's encryption configuration: nobody could read etcd's secrets."""
    keys = encryption_keys.load_keys(file.parent)
    own = {key["secret"] for key in keys.keys} if keys is not None else set()
    for copy in copies:
        used = set(_SECRET.findall(copy.value))
        if used and not used & own:
            state = "has none of the keys with which" if keys is not None else "is missing, but"
            return f"{state} the cluster encrypts secrets in etcd ({copy.host}: {copy.path})"
    return None


def read_public_keys(text: str) -> set[bytes]:
    """Return the public keys (DER) of the certificates in a PEM text, or of its public keys."""
    try:
        certificates = [
            x509.load_pem_x509_certificate(block.encode()) for block in _CERTIFICATE.findall(text)
        ]
        keys = [certificate.public_key() for certificate in certificates]
        if not keys:
            blocks = _PUBLIC_KEY.findall(text)
            keys = [serialization.load_pem_public_key(block.encode()) for block in blocks]  # type: ignore[misc]
    except ValueError:
        return set()
    return {
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        for key in keys
    }
