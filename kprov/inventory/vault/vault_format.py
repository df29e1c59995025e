"""Ansible's vault format, versions 1.1 and 1.2 (with a label), cipher AES256.

A vault text is the line `$ANSIBLE_VAULT;VERSION;AES256[;LABEL]` and hex in lines of 80: of salt, HMAC and
ciphertext, each hex again, in a line each. PBKDF2-HMAC-SHA256 with 10,000 rounds makes the AES key, the
HMAC's key and the counter's start; padding is PKCS#7, HMAC-SHA256 goes over the ciphertext.
"""

from __future__ import annotations

import binascii
import functools
import os
from dataclasses import dataclass
from typing import NoReturn

from kprov.errors import InputError

HEADER = "$ANSIBLE_VAULT"
CIPHER = "AES256"
DEFAULT_LABEL = "default"
_ROUNDS = 10_000
_LINE = 80


class VaultError(InputError):
    """A vault text that is malformed or that no password decrypts."""


@dataclass(frozen=True)
class Envelope:
    """The parts of a vault text; `label` is None in version 1.1."""

    version: str
    label: str | None
    salt: bytes
    digest: bytes
    ciphertext: bytes


def is_vault(text: str) -> bool:
    """Whether a text begins like a vault text, valid or not."""
    return text.startswith(HEADER)


def parse_envelope(text: str) -> Envelope:
    """Parse a vault text. Raises VaultError."""
    lines = text.strip().splitlines()
    fields = lines[0].strip().split(";") if lines else []
    if not fields or fields[0] != HEADER:
        raise VaultError(f"not a vault text: it must begin with {HEADER};1.1;{CIPHER}")
    if len(fields) < 3 or fields[1] not in ("1.1", "1.2"):
        raise VaultError(f"the vault format {';'.join(fields[1:2]) or '?'} is not supported; use 1.1 or 1.2")
    if fields[2] != CIPHER:
        raise VaultError(f"the vault cipher {fields[2]} is not supported; {CIPHER} is")
    label = fields[3] if fields[1] == "1.2" and len(fields) > 3 else None
    try:
        inner = binascii.unhexlify("".join(line.strip() for line in lines[1:]))
        salt, digest, ciphertext = (binascii.unhexlify(part) for part in inner.split(b"\n", 2))
    except (ValueError, binascii.Error):
        raise VaultError("the vault text is damaged: its body is not salt, HMAC and data in hex") from None
    return Envelope(fields[1], label, salt, digest, ciphertext)


def encrypt(plain: bytes, password: bytes, label: str | None = None, *, salt: bytes | None = None) -> str:
    """Encrypt to a vault text that ends with a newline; version 1.2 for labels other than `default`."""
    from cryptography.hazmat.primitives import hashes, hmac, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt = os.urandom(32) if salt is None else salt
    key, hmac_key, counter = _derive_keys(password, salt)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    ciphertext = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    check = hmac.HMAC(hmac_key, hashes.SHA256())
    check.update(ciphertext)
    body = b"\n".join(binascii.hexlify(part) for part in (salt, check.finalize(), ciphertext))
    text = binascii.hexlify(body).decode()
    head = f"{HEADER};1.1;{CIPHER}"
    if label and label != DEFAULT_LABEL:
        if ";" in label or label.split() != [label]:
            raise VaultError(f"{label!r} is not a valid vault id: it must not contain spaces or semicolons")
        head = f"{HEADER};1.2;{CIPHER};{label}"
    return "\n".join([head, *(text[at : at + _LINE] for at in range(0, len(text), _LINE))]) + "\n"


def decrypt(envelope: Envelope, password: bytes) -> bytes | None:
    """Return the plain text; None if the password is wrong."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, hmac, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key, hmac_key, counter = _derive_keys(password, envelope.salt)
    check = hmac.HMAC(hmac_key, hashes.SHA256())
    check.update(envelope.ciphertext)
    try:
        check.verify(envelope.digest)
    except InvalidSignature:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    padded = decryptor.update(envelope.ciphertext) + decryptor.finalize()
    try:
        return bytes(unpadder.update(padded) + unpadder.finalize())
    except ValueError:
        raise VaultError("the vault text is damaged: wrong padding") from None


@functools.lru_cache(maxsize=256)
def _derive_keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """Derive the AES key (32 bytes), HMAC key (32) and counter (16)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    derived = PBKDF2HMAC(hashes.SHA256(), length=80, salt=salt, iterations=_ROUNDS).derive(password)
    return derived[:32], derived[32:64], derived[64:]


class Unsafe(str):
    """A text marked `!unsafe`: never a template."""

    __slots__ = ()


class Secret(Unsafe):
    """A decrypted value: not a template (as in Ansible), never printed; `ciphertext` is its vault text."""

    ciphertext: str = ""

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # In another process it is still not a template, but each process has its own set of secrets.
        return (Unsafe, (str(self),))


class Undecrypted:
    """A `!vault` value that no password decrypts; reading it raises its VaultError."""

    __slots__ = ("ciphertext", "error")

    def __init__(self, ciphertext: str, error: VaultError) -> None:
        self.ciphertext = ciphertext
        self.error = error

    def __copy__(self) -> Undecrypted:
        return self

    def __deepcopy__(self, _memo: dict[int, object]) -> Undecrypted:
        return self

    def fail(self) -> NoReturn:
        """Raise the error with the place of the value."""
        raise self.error

    def __str__(self) -> str:
        raise self.error

    def __repr__(self) -> str:
        return "<vault value that cannot be decrypted>"

    def __bool__(self) -> bool:
        raise self.error

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        raise self.error

    def __hash__(self) -> int:
        return id(self)

    def __len__(self) -> int:
        raise self.error

    def __iter__(self) -> NoReturn:
        raise self.error

    def __getitem__(self, _key: object) -> NoReturn:
        raise self.error
