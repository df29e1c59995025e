"""Encryption providers: encrypt an object for etcd and decrypt it, in upstream's formats.

A stored value is PREFIX KEYNAME ":" and then, for aescbc a 16-byte IV and AES-CBC with PKCS#7 padding; for
aesgcm a 12-byte nonce and AES-GCM with the etcd key as additional data; for secretbox a 24-byte nonce
and NaCl's secretbox. Source: apiserver/pkg/storage/value and its encrypt/ folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

#: The first bytes of every encrypted value; other values must not start with it.
MARK: Final = b"k8s:enc:"
_BLOCK: Final = 16
_GCM_NONCE: Final = 12


class TransformError(Exception):
    """The value was not encrypted with this key."""


class Cipher(Protocol):
    """An algorithm with one key."""

    def seal(self, data: bytes, place: bytes) -> bytes:
        """Encrypt. place: the etcd key."""

    def open(self, data: bytes, place: bytes) -> bytes:
        """Decrypt. Raise TransformError."""


class AesGcm:
    """Authenticated with the etcd key as additional data: a value under another key does not decrypt."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._gcm = AESGCM(secret)

    def seal(self, data: bytes, place: bytes) -> bytes:
        nonce = os.urandom(_GCM_NONCE)
        return nonce + self._gcm.encrypt(nonce, data, place)

    def open(self, data: bytes, place: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        if len(data) < _GCM_NONCE + _BLOCK:
            raise TransformError("the stored data was shorter than the required size")
        try:
            return self._gcm.decrypt(data[:_GCM_NONCE], data[_GCM_NONCE:], place)
        except InvalidTag:
            raise TransformError("cipher: message authentication failed") from None


class AesCbc:
    """Not authenticated. Upstream supports it for existing data."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import algorithms

        self._key = algorithms.AES(secret)

    def seal(self, data: bytes, place: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher as Ciphers
        from cryptography.hazmat.primitives.ciphers.modes import CBC

        padding = _BLOCK - len(data) % _BLOCK
        vector = os.urandom(_BLOCK)
        work = Ciphers(self._key, CBC(vector)).encryptor()
        return vector + work.update(data + bytes([padding]) * padding) + work.finalize()

    def open(self, data: bytes, place: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher as Ciphers
        from cryptography.hazmat.primitives.ciphers.modes import CBC

        if len(data) < 2 * _BLOCK:
            raise TransformError("the stored data was shorter than the required size")
        if len(data) % _BLOCK:
            raise TransformError("the stored data is not a multiple of the block size")
        work = Ciphers(self._key, CBC(data[:_BLOCK])).decryptor()
        plain = work.update(data[_BLOCK:]) + work.finalize()
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
            raise TransformError("invalid padding on input")
        return plain[:-padding]


class Secretbox:
    """XSalsa20 with Poly1305."""

    def __init__(self, secret: bytes) -> None:
        from nacl.secret import SecretBox

        self._box = SecretBox(secret)

    def seal(self, data: bytes, place: bytes) -> bytes:
        return bytes(self._box.encrypt(data))

    def open(self, data: bytes, place: bytes) -> bytes:
        from nacl.exceptions import CryptoError

        try:
            return bytes(self._box.decrypt(data))
        except (CryptoError, ValueError):
            raise TransformError("the stored data was not sealed with this key") from None


@dataclass(frozen=True, slots=True)
class Provider:
    """A prefix and its keys by name. The first key encrypts. The provider identity has neither."""

    prefix: bytes = b""
    keys: Sequence[tuple[bytes, Cipher]] = ()

    @property
    def header(self) -> bytes:
        """The first bytes of a value of this provider."""
        return self.prefix + self.keys[0][0] if self.keys else b""

    def seal(self, data: bytes, place: bytes) -> bytes:
        return self.header + self.keys[0][1].seal(data, place) if self.keys else data


class Transformer:
    """The providers of a resource: the first encrypts, all decrypt in order."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = providers
        self._writer = providers[0]
        #: Values with another header (see `open`) must be written again.
        self.header = self._writer.header

    def seal(self, data: bytes, place: bytes) -> bytes:
        """Encrypt a value for etcd."""
        return self._writer.seal(data, place)

    def open(self, data: bytes, place: bytes) -> tuple[bytes, bytes]:
        """Decrypt; return the value and its header. Raise TransformError."""
        reason = ""
        for provider in self._providers:
            if not provider.keys:
                if data.startswith(MARK):
                    continue
                return data, b""
            if not data.startswith(provider.prefix):
                continue
            for name, cipher in provider.keys:
                header = provider.prefix + name
                if not data.startswith(header):
                    continue
                try:
                    return cipher.open(data[len(header) :], place), header
                except TransformError as error:
                    reason = reason or str(error)
            reason = reason or "no matching key was found for the provided transformer"
        raise TransformError(reason or "no matching prefix found")


#: For resources that are not in the configuration.
PLAIN: Final = Transformer([Provider()])
