"""The filters `vault` and `unvault`, and files that may be encrypted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import operator_files, secrets, yaml_file
from kprov.inventory.vault import vault_format
from kprov.playbook.templating.values import FilterError, describe_type


def _to_bytes(value: Any, what: str) -> bytes:
    if not isinstance(value, (str, bytes)):
        raise FilterError(f"{what} is a text, not {describe_type(value)}")
    return value.encode() if isinstance(value, str) else value


def vault(
    data: Any,
    secret: Any,
    salt: str | None = None,
    vault_id: str = "filter_default",
    wrap_object: bool = False,
) -> str:
    """Encrypt a text with a secret in ansible-vault's format."""
    if wrap_object:
        raise FilterError("wrap_object is not supported; remove it")
    key = _to_bytes(secret, "the secret")
    return vault_format.encrypt(
        _to_bytes(data, "what is encrypted"), key, vault_id, salt=salt.encode() if salt else None
    )


def unvault(data: Any, secret: Any, vault_id: str = "filter_default") -> str:
    """Decrypt a text; return a text that is not encrypted unchanged."""
    del vault_id
    text = _to_bytes(data, "what is decrypted").decode()
    if not vault_format.is_vault(text):
        return text
    try:
        plain_text = vault_format.decrypt(vault_format.parse_envelope(text), _to_bytes(secret, "the secret"))
    except InputError as error:
        raise FilterError(str(error)) from None
    if plain_text is None:
        raise FilterError("Unable to decrypt: the secret is another one")
    plain = plain_text.decode()
    secrets.register(plain)
    return plain


def read_text(path: Path) -> str:
    """Return the text of a file, decrypted if it is a vault. Raises FilterError."""
    try:
        data = operator_files.read_bytes(path)
        if not data.startswith(b"$ANSIBLE_VAULT"):
            return data.decode()
        plain = yaml_file.read_text(path)[0]
        secrets.register(plain)
        return plain
    except (InputError, OSError, UnicodeDecodeError) as error:
        raise FilterError(f"{path}: {error}") from None


FILTERS: dict[str, Callable[..., Any]] = {"vault": vault, "unvault": unvault}
