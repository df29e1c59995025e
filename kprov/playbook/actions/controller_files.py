"""Files of the operator's machine for hosts; files encrypted with ansible-vault are sent decrypted."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kprov.inventory import operator_files
from kprov.inventory.vault import keyring
from kprov.playbook.actions.call import hash_file
from kprov.transport.agent_modules import parse_boolean

_HEADER = b"$ANSIBLE_VAULT;"


def decrypt_file(path: Path) -> bytes | None:
    """Decrypt a file; None if it is not encrypted. Raises VaultError without the password."""
    operator_files.check_file(path)
    with path.open("rb") as file:
        if file.read(len(_HEADER)) != _HEADER:
            return None
    return keyring.current_keyring().open(path.read_text(), path)


def load_content(path: Path, args: dict[str, Any]) -> tuple[str, bytes | Path]:
    """Return SHA-256 and content of a file for the host; it is decrypted unless `decrypt` is false."""
    data = decrypt_file(path) if parse_boolean(args.get("decrypt"), default=True) else None
    if data is None:
        return hash_file(path)
    return hashlib.sha256(data).hexdigest(), data
