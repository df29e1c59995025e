"""Reads private key files and checks their permissions."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import os
import shlex
import stat
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


class PassphraseNeededError(Exception):
    """The file is encrypted and no passphrase, or a wrong one, was given."""


def find_exposure(path: Path) -> str | None:
    """Return a warning if other users can access a private key file, which ssh then ignores; else None.

    Like OpenSSH, check only files of the user who runs the program. Raises OSError.
    """
    state = path.stat()
    mode = stat.S_IMODE(state.st_mode)
    if state.st_uid != os.getuid() or not mode & 0o077:
        return None
    return (
        f"the private key {path} is ignored: its mode {mode:04o} gives other users access to it; "
        f"run: chmod 600 {shlex.quote(str(path))}"
    )


def load_key(path: Path, phrase: str | None) -> paramiko.PKey:
    """Load the key of a file. Raises PassphraseNeededError, ValueError, SSHException, OSError."""
    state = path.stat()
    return _read_key(path, phrase, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _read_key(path: Path, phrase: str | None, changed: int, size: int) -> paramiko.PKey:
    """Read a key file once for all hosts. Raises PassphraseNeededError, ValueError, SSHException."""
    del changed, size
    data, secret = path.read_bytes(), None if phrase is None else phrase.encode()
    modern = b"BEGIN OPENSSH PRIVATE KEY" in data
    parse = serialization.load_ssh_private_key if modern else serialization.load_pem_private_key
    try:
        loaded = parse(data, secret)
    except TypeError:
        raise PassphraseNeededError from None
    except ValueError:
        if phrase is not None:
            raise PassphraseNeededError from None
        raise
    kinds: dict[type, type[paramiko.PKey]] = {
        ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
        ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
        rsa.RSAPrivateKey: paramiko.RSAKey,
    }
    kind = next((kind for key_class, kind in kinds.items() if isinstance(loaded, key_class)), None)
    if kind is None:
        raise ValueError(f"key type {type(loaded).__name__} is not supported")
    key: paramiko.PKey = kind.from_private_key(io.StringIO(data.decode()), phrase)
    certificate = path.with_name(path.name + "-cert.pub")
    if certificate.is_file():
        key.load_certificate(str(certificate))
    return key


def read_public_key(path: Path) -> bytes:
    """Return the public key of the .pub file beside a private key, in wire format; empty without one."""
    for candidate in (path, path.with_name(path.name + ".pub")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = candidate.read_text().split()
            if words[0].startswith(("ssh-", "ecdsa-", "sk-")):
                return base64.b64decode(words[1])
    return b""
