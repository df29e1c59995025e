"""Files of the operator's for hosts; those encrypted with ansible-vault travel as plain text."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kprov.inventory.vault import keyring
from kprov.playbook.actions.call import hash_file
from kprov.transport.agent_modules import parse_boolean

_HEADER = b"$ANSIBLE_VAULT;"


def decrypt_file(path: Path) -> bytes | None:
    """What is in an encrypted file; None when it is none. Raises VaultError without the password."""
    with path.open("rb") as file:
        if file.read(len(_HEADER)) != _HEADER:
            return None
    return keyring.current_keyring().open(path.read_text(), path)


def load_content(path: Path, args: dict[str, Any]) -> tuple[str, bytes | Path]:
    """SHA-256 of what goes to the host, and it itself; `decrypt` of the arguments is true by default."""
    data = decrypt_file(path) if parse_boolean(args.get("decrypt"), default=True) else None
    if data is None:
        return hash_file(path)
    return hashlib.sha256(data).hexdigest(), data
