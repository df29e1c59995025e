"""Filters that hash, encode and encrypt."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.values import FilterError, describe_type, to_text

#: The name space of Ansible's to_uuid.
NAMESPACE = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")

_SCHEMES = {"md5": "md5_crypt", "blowfish": "bcrypt", "sha256": "sha256_crypt", "sha512": "sha512_crypt"}
#: Ansible's rounds for crypt(3) of glibc since 2.9; the hash contains them.
_ROUNDS = {"bcrypt": 12, "sha256_crypt": 535000, "sha512_crypt": 656000}


def _to_bytes(value: Any) -> bytes:
    return (
        bytes(value)
        if isinstance(value, (bytes, bytearray))
        else to_text(value).encode("utf-8", "surrogateescape")
    )


def hash_(value: Any, hashtype: str = "sha1") -> str:
    try:
        return hashlib.new(hashtype, _to_bytes(value)).hexdigest()
    except ValueError as error:
        raise FilterError(str(error)) from None


def password_hash(
    password: Any,
    hashtype: str = "sha512",
    salt: str | None = None,
    salt_size: int | None = None,
    rounds: int | None = None,
    ident: str | None = None,
) -> str:
    """Hash a password for /etc/shadow: sha512, sha256, md5 or bcrypt (blowfish). No salt: a new one."""
    from passlib import hash as schemes
    from passlib.utils.binary import bcrypt64

    scheme = _SCHEMES.get(hashtype, hashtype)
    if scheme not in _SCHEMES.values():
        raise FilterError(f"{hashtype} is not in the list of supported algorithms: {', '.join(_SCHEMES)}")
    if not isinstance(password, (str, bytes)):
        raise FilterError(f"a password is a text, not {describe_type(password)}; quote it")
    settings: dict[str, Any] = {}
    letters: Any = bcrypt64
    if salt:
        settings["salt"] = letters.repair_unused(salt) if scheme == "bcrypt" else salt
    if salt_size:
        settings["salt_size"] = salt_size
    if rounds or scheme in _ROUNDS:
        settings["rounds"] = rounds or _ROUNDS[scheme]
    if scheme == "bcrypt":
        settings["ident"] = ident or "2b"
    return str(getattr(schemes, scheme).using(**settings).hash(password))


def new_salt(scheme: str) -> str:
    """Return a random salt of a scheme's length."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"
    length = {"bcrypt": 22, "md5_crypt": 8, "sha256_crypt": 16, "sha512_crypt": 16}.get(
        _SCHEMES.get(scheme, scheme), 8
    )
    return "".join(random.SystemRandom().choice(letters) for _ in range(length))


def to_uuid(value: Any, namespace: Any = NAMESPACE) -> str:
    try:
        space = namespace if isinstance(namespace, uuid.UUID) else uuid.UUID(namespace)
    except (AttributeError, ValueError) as error:
        raise FilterError(f"Invalid value {namespace!r} for 'namespace': {error}") from None
    return str(uuid.uuid5(space, to_text(value)))


def b64encode(value: Any, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    data = bytes(value) if isinstance(value, (bytes, bytearray)) else to_text(value).encode(encoding)
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()


def b64decode(value: Any, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    return (base64.urlsafe_b64decode if urlsafe else base64.b64decode)(_to_bytes(value)).decode(encoding)


FILTERS: dict[str, Callable[..., Any]] = {
    "hash": hash_,
    "checksum": hash_,
    "sha1": hash_,
    "md5": lambda value: hash_(value, "md5"),
    "password_hash": password_hash,
    "to_uuid": to_uuid,
    "b64encode": b64encode,
    "b64decode": b64decode,
}
