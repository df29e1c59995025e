"""Options for vault passwords, and the keyring from them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kprov.inventory.vault.keyring import Keyring

PANEL = "Vault"
VaultIds = Annotated[
    list[str] | None,
    typer.Option(
        "--vault-id",
        help="Vault password with a label: LABEL@FILE, LABEL@SCRIPT or LABEL@prompt (repeatable).",
        rich_help_panel=PANEL,
    ),
]
PasswordFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--vault-password-file",
        "--vault-pass-file",
        help="File with the vault password, or a program that prints it.",
        rich_help_panel=PANEL,
    ),
]
AskPass = Annotated[
    bool,
    typer.Option(
        "--ask-vault-pass",
        "--ask-vault-password",
        "-J",
        help="Ask for the vault password.",
        rich_help_panel=PANEL,
    ),
]


def use_passwords(
    ids: list[str] | None, files: list[Path] | None, *, ask: bool = False, required: bool = False
) -> Keyring:
    """Make the keyring of these options and the environment the process's; ask when required and empty."""
    from kprov.inventory.vault import keyring

    passwords = keyring.collect_keyring(ids or (), files or (), ask=ask)
    if required and not passwords.passwords and sys.stdin.isatty():
        passwords = keyring.collect_keyring(ask=True, environment=False)
    keyring.use_keyring(passwords)
    return passwords
