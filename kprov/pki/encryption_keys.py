"""Keys that encrypt secrets in etcd: `pki/encryption.json`, the key that encrypts first.

The role kube_apiserver renders the EncryptionConfiguration from it. A key must stay in the file as long
as etcd has a value that was encrypted with it.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.pki import files

NAME = "encryption.json"
#: For secretbox (XSalsa20-Poly1305) and AES-256.
_KEY_BYTES = 32


@dataclass(frozen=True)
class EncryptionKeys:
    """The keys in their order, as {name, secret}, and the stage of a rotation: "" for none."""

    keys: tuple[dict[str, str], ...]
    stage: str = ""

    @property
    def names(self) -> list[str]:
        return [key["name"] for key in self.keys]

    def with_new_key(self) -> EncryptionKeys:
        """Return the keys with a new one at the end."""
        numbers = [int(name[3:]) for name in self.names if name.startswith("key") and name[3:].isdigit()]
        secret = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
        return replace(
            self, keys=(*self.keys, {"name": f"key{max(numbers, default=0) + 1}", "secret": secret})
        )


def ensure_keys(pki: Path) -> list[str]:
    """Make the first key if there is none; return what changed."""
    if load_keys(pki) is not None:
        return [f"{NAME}: permissions restricted"] if files.narrow_mode(pki / NAME, files.PRIVATE) else []
    save_keys(pki, EncryptionKeys(()).with_new_key())
    return [f"{NAME}: new"]


def load_keys(pki: Path) -> EncryptionKeys | None:
    """Read the keys; None if secrets are not encrypted. Raises InputError."""
    path = pki / NAME
    if not path.exists():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        keys = tuple({"name": str(key["name"]), "secret": str(key["secret"])} for key in document["keys"])
        for key in keys:
            base64.b64decode(key["secret"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"does not have encryption keys: {error}", file=path) from error
    if not keys:
        raise InputError("has no key", file=path, field="keys")
    return EncryptionKeys(keys, str(document.get("stage", "")))


def save_keys(pki: Path, keys: EncryptionKeys) -> None:
    """Write the keys; they are on the disk before this returns."""
    files.write_file(pki / NAME, render_keys(keys), files.PRIVATE)


def render_keys(keys: EncryptionKeys) -> bytes:
    """Return the content of the file."""
    document = {"keys": list(keys.keys), "stage": keys.stage}
    return (json.dumps(document, indent=2) + "\n").encode()
