"""The keys of service account tokens.

`sa.key` signs. `sa.pub` has the public keys whose tokens API servers accept: that of `sa.key`, that of
`sa-next.key`, which signs after the next step of a rotation, and earlier ones (`sa-old.pub`), whose tokens
are valid until they expire.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kprov.errors import InputError
from kprov.pki import files, issue

_PUBLIC_KEY = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\n?", re.DOTALL)
_KEY_BITS = 2048


def ensure_service_account_keys(pki: Path) -> list[str]:
    """Ensure the signing key, and write the public keys; return what changed. Raises InputError."""
    changed = []
    private = pki / "sa.key"
    if not private.exists():
        _write_new_key(private)
        changed.append("sa.key: new")
    elif files.narrow_mode(private, files.PRIVATE):
        changed.append("sa.key: permissions restricted")
    publics = [_read_public(path) for path in (private, pki / "sa-next.key") if path.exists()]
    old = pki / "sa-old.pub"
    publics += _PUBLIC_KEY.findall(old.read_bytes()) if old.exists() else []
    if files.write_if_changed(pki / "sa.pub", b"".join(dict.fromkeys(publics)), files.PUBLIC):
        changed.append("sa.pub: written")
    return changed


def identify_signing_key(pki: Path) -> str:
    """Return a fingerprint of the key that signs."""
    return hashlib.sha256(_read_public(pki / "sa.key")).hexdigest()


def add_next_key(pki: Path) -> None:
    """Make the key that is to sign next, unless there is one."""
    if not (pki / "sa-next.key").exists():
        _write_new_key(pki / "sa-next.key")


def use_next_key(pki: Path) -> None:
    """Let the next key sign. The public key of the present one is kept."""
    old = pki / "sa-old.pub"
    known = _PUBLIC_KEY.findall(old.read_bytes()) if old.exists() else []
    publics = dict.fromkeys([_read_public(pki / "sa.key"), *known])
    files.write_file(old, b"".join(publics), files.PUBLIC)
    (pki / "sa-next.key").rename(pki / "sa.key")


def count_old_keys(pki: Path) -> int:
    """Return how many keys do not sign any more, but whose tokens are accepted."""
    old = pki / "sa-old.pub"
    return len(_PUBLIC_KEY.findall(old.read_bytes())) if old.exists() else 0


def drop_old_keys(pki: Path) -> None:
    """Accept no tokens of earlier keys."""
    (pki / "sa-old.pub").unlink(missing_ok=True)


def _write_new_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    files.write_file(path, issue.key_pem(key), files.PRIVATE)


def _read_public(path: Path) -> bytes:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise InputError(f"is not a private key in PEM: {error}", file=path) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError("is not an RSA key", file=path)
    return issue.public_pem(key)
