"""Signs the manifest of an export with an Ed25519 key of OpenSSH, and verifies it (decision 025).

The manifest has the SHA-256 of every file, so that its signature covers the whole export.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kprov.errors import InputError

#: The second member of a signed export, and its largest size.
NAME = "manifest.sig"
LIMIT = 4096
#: The signed bytes begin with it, so that no other signature by the same key serves for an export.
_CONTEXT = b"kprov export manifest\0"


@dataclass(frozen=True)
class Signature:
    """A public key as OpenSSH writes it, and its signature."""

    key: str
    value: bytes

    def encode(self) -> bytes:
        """Return the signature as a JSON document."""
        document = {"key": self.key, "signature": base64.b64encode(self.value).decode()}
        return (json.dumps(document) + "\n").encode()

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as `ssh-keygen -l` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.key.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def load_signing_key(file: Path) -> Ed25519PrivateKey:
    """Load a private key without a passphrase. Raises InputError."""
    try:
        content = file.read_bytes()
        load = (
            serialization.load_ssh_private_key
            if b"BEGIN OPENSSH" in content
            else serialization.load_pem_private_key
        )
        key = load(content, None)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=file) from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"is no private key without a passphrase: {error}", file=file) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("is no Ed25519 key; make one with `ssh-keygen -t ed25519`", file=file)
    return key


def sign_manifest(encoded: bytes, key: Ed25519PrivateKey) -> Signature:
    """Sign an encoded manifest."""
    form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return Signature(key.public_key().public_bytes(*form).decode(), key.sign(_CONTEXT + encoded))


def verify_manifest(encoded: bytes, signature: bytes | None, file: Path) -> Signature | None:
    """Return the signature of an export; None for an unsigned one. Raises InputError for a wrong one."""
    if signature is None:
        return None
    try:
        document = json.loads(signature)
        export_signature = Signature(
            " ".join(document["key"].split()[:2]), base64.b64decode(document["signature"])
        )
        _load_public_key(export_signature.key).verify(export_signature.value, _CONTEXT + encoded)
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm):
        raise InputError("the signature of the export is wrong: the export was changed", file=file) from None
    return export_signature


def load_trusted_keys(file: Path) -> list[str]:
    """Return the public keys of a file, one a line, as OpenSSH writes them. Raises InputError."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", file=file, field="offline_trusted_key") from None
    keys = [" ".join(line.split()[:2]) for line in lines if line.strip() and not line.startswith("#")]
    try:
        for key in keys:
            _load_public_key(key)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        keys = []
    if not keys:
        text = "has no Ed25519 public key; each line is one, as in id_ed25519.pub"
        raise InputError(text, file=file, field="offline_trusted_key")
    return keys


def check_trust(signature: Signature | None, trusted: list[str], file: Path) -> None:
    """Raise InputError unless one of the trusted keys signed the export."""
    if signature is None:
        raise InputError(
            "the export is not signed, and offline_trusted_key asks for a signature: "
            "sign it with `kprov bundle export --sign KEY`",
            file=file,
        )
    if signature.key not in trusted:
        raise InputError(
            f"the key {signature.fingerprint} signed the export, and offline_trusted_key does not have it",
            file=file,
        )


def _load_public_key(text: str) -> Ed25519PublicKey:
    key = serialization.load_ssh_public_key(text.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("no Ed25519 key")
    return key
