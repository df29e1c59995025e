"""`kprov vault`: encrypt, decrypt and edit values and files, as ansible-vault does."""

from __future__ import annotations

import pydoc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.options.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords
from kprov.cli.output import standard_streams
from kprov.errors import InputError
from kprov.inventory.vault import keyring, vault_files, vault_format
from kprov.inventory.vault.keyring import Keyring

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Encrypt, decrypt and edit values and files, like ansible-vault.",
)

EncryptId = Annotated[
    str | None,
    typer.Option("--encrypt-vault-id", help="Label of the password to encrypt with, if there are several."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "--out", help="Write to this file (-: standard output).")
]
Files = Annotated[list[Path] | None, typer.Argument(help="Files. [default: standard input]")]
_STANDARD = Path("-")


def _encryption_keyring(
    ids: list[str] | None, files: list[Path] | None, *, ask: bool, new: bool = True
) -> Keyring:
    """Return the keyring for a new text; a typed password must be confirmed."""
    passwords = keyring.collect_keyring(ids or (), files or (), ask=ask, new=new)
    if not passwords.passwords and sys.stdin.isatty():
        passwords = keyring.collect_keyring(ask=True, new=True, environment=False)
    keyring.use_keyring(passwords)
    return passwords


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="The file to create.")],
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
    encrypt_vault_id: EncryptId = None,
) -> None:
    """Write a new encrypted file with the editor ($EDITOR)."""
    if file.exists():
        raise InputError("already exists; to change it, use kprov vault edit", file=file)
    if not file.parent.is_dir():
        raise InputError("the folder does not exist", file=file.parent)
    password = _encryption_keyring(vault_id, vault_password_file, ask=ask_vault_pass).for_encryption(
        encrypt_vault_id
    )
    plain = vault_files.edit_text(b"", file.suffix)
    vault_files.write_file(file, vault_format.encrypt(plain, password.value, password.label).encode())


@app.command()
def edit(
    files: Annotated[list[Path], typer.Argument(help="Encrypted files.")],
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
    encrypt_vault_id: EncryptId = None,
) -> None:
    """Change encrypted files with the editor ($EDITOR). Keeps their password and vault id."""
    passwords = use_passwords(vault_id, vault_password_file, ask=ask_vault_pass, required=True)
    for file in files:
        plain, label, password = vault_files.open_vault(file, passwords)
        if encrypt_vault_id is not None:
            password = passwords.for_encryption(encrypt_vault_id)
            label = password.label
        changed = vault_files.edit_text(plain, file.suffix)
        if changed != plain or encrypt_vault_id is not None:
            vault_files.write_file(file, vault_format.encrypt(changed, password.value, label).encode())


@app.command()
def view(
    files: Annotated[list[Path], typer.Argument(help="Encrypted files.")],
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Show encrypted files; on a terminal in the pager."""
    passwords = use_passwords(vault_id, vault_password_file, ask=ask_vault_pass, required=True)
    for file in files:
        plain = vault_files.open_vault(file, passwords)[0]
        if sys.stdout.isatty():
            pydoc.pager(plain.decode("utf-8", "replace"))
        else:
            sys.stdout.buffer.write(plain)


@app.command()
def encrypt(
    files: Files = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
    encrypt_vault_id: EncryptId = None,
    output: Output = None,
) -> None:
    """Encrypt files in place."""
    password = _encryption_keyring(vault_id, vault_password_file, ask=ask_vault_pass).for_encryption(
        encrypt_vault_id
    )

    def convert(file: Path) -> bytes:
        plain = sys.stdin.buffer.read() if file == _STANDARD else vault_files.read_plain(file)
        if plain.startswith(vault_format.HEADER.encode()):
            raise InputError("is already encrypted", file=file)
        return vault_format.encrypt(plain, password.value, password.label).encode()

    _convert_files(files, output, convert)


@app.command()
def decrypt(
    files: Files = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
    output: Output = None,
) -> None:
    """Decrypt files in place, with mode 0600."""
    passwords = use_passwords(vault_id, vault_password_file, ask=ask_vault_pass, required=True)

    def convert(file: Path) -> bytes:
        if file == _STANDARD:
            return passwords.open(sys.stdin.read(), "standard input", 1)
        return vault_files.open_vault(file, passwords)[0]

    _convert_files(files, output, convert, mode=vault_files.PRIVATE)


def _convert_files(
    files: list[Path] | None,
    output: Path | None,
    convert: Callable[[Path], bytes],
    *,
    mode: int | None = None,
) -> None:
    """Convert every file, or standard input. All are read before the first is written."""
    sources = files or [_STANDARD]
    if output is not None and len(sources) > 1:
        raise InputError("works with one file only", field="--output")
    for file, content in [(file, convert(file)) for file in sources]:
        target = output or file
        if target == _STANDARD:
            sys.stdout.buffer.write(content)
        else:
            vault_files.write_file(target, content, mode=mode)


@app.command()
def rekey(
    files: Annotated[list[Path], typer.Argument(help="Encrypted files.")],
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
    new_vault_password_file: Annotated[Path | None, typer.Option(help="File with the new password.")] = None,
    new_vault_id: Annotated[
        str | None, typer.Option(help="The new password with a label, in the form of --vault-id.")
    ] = None,
) -> None:
    """Encrypt files with a new password. Asks for it unless an option names it."""
    if new_vault_id is not None and new_vault_password_file is not None:
        raise InputError("cannot be used together with --new-vault-password-file", field="--new-vault-id")
    passwords = use_passwords(vault_id, vault_password_file, ask=ask_vault_pass, required=True)
    plain = [(file, vault_files.open_vault(file, passwords)) for file in files]
    ids = [new_vault_id] if new_vault_id is not None else []
    paths = [new_vault_password_file] if new_vault_password_file is not None else []
    fresh = keyring.collect_keyring(ids, paths, ask=not ids and not paths, new=True, environment=False)
    password = fresh.for_encryption()
    for file, (content, _, _) in plain:
        vault_files.write_file(file, vault_format.encrypt(content, password.value, password.label).encode())


@app.command("encrypt-string")
def encrypt_string(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts to encrypt. [default: standard input]")
    ] = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
    encrypt_vault_id: EncryptId = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", "-n", help="Name of the variable for a text (repeatable).")
    ] = None,
    stdin_name: Annotated[str | None, typer.Option(help="Name of the variable for standard input.")] = None,
    ask: Annotated[bool, typer.Option("--prompt", "-p", help="Ask for the text.")] = False,
    show_input: Annotated[bool, typer.Option(help="Show the text while it is typed.")] = False,
    output: Output = None,
) -> None:
    """Encrypt texts as !vault values for a YAML file."""
    passwords = _encryption_keyring(vault_id, vault_password_file, ask=ask_vault_pass)
    password = passwords.for_encryption(encrypt_vault_id)
    names = list(name or [])
    values: list[tuple[str | None, str]] = []
    plain_texts = [text for text in texts or [] if text != "-"]
    if len(names) > len(plain_texts) + ask:
        raise InputError("more names than texts", field="--name")
    values += [(names.pop(0) if names else None, text) for text in plain_texts]
    if ask:
        typed = typer.prompt("String to encrypt", hide_input=not show_input)
        values.append((names.pop(0) if names else None, typed))
    if "-" in (texts or []) or stdin_name is not None or not values:
        values.append((stdin_name, sys.stdin.read()))
    documents = "\n".join(
        _format_value(variable, vault_format.encrypt(text.encode(), password.value, password.label))
        for variable, text in values
    )
    if output is None or output == _STANDARD:
        standard_streams.write_exactly(documents)
    else:
        vault_files.write_file(output, documents.encode())


def _format_value(name: str | None, text: str) -> str:
    """Format `NAME: !vault |` and the text, indented by ten as in ansible-vault."""
    head = f"{name}: !vault |\n" if name else "!vault |\n"
    return head + "".join(f"          {line}\n" for line in text.splitlines())
