"""Vault passwords: reads them from their sources and decrypts vault texts with them.

`current_keyring()` has the environment's passwords until a command calls `use_keyring`.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kprov.errors import InputError
from kprov.inventory import interpreters, operator_files, secrets
from kprov.inventory.vault import vault_format
from kprov.inventory.vault.vault_format import DEFAULT_LABEL, VaultError

_PROMPTS = ("prompt", "prompt_ask_vault_pass")
Ask = Callable[[str], str]


@dataclass(frozen=True)
class Password:
    """A password and its vault id."""

    label: str
    value: bytes = field(repr=False)


class Keyring:
    """Passwords in the order of their use; those with a text's label come first."""

    def __init__(self, passwords: Sequence[Password] = ()) -> None:
        self.passwords = list(passwords)
        for password in self.passwords:
            secrets.register(password.value.decode("utf-8", "replace"))

    def open(self, text: str, file: Path | str | None = None, line: int | None = None) -> bytes:
        """Decrypt a vault text; VaultError names file and line."""
        return self.open_with(text, file, line)[0]

    def open_with(
        self, text: str, file: Path | str | None = None, line: int | None = None
    ) -> tuple[bytes, Password]:
        """Decrypt a vault text; also return the password."""
        try:
            envelope = vault_format.parse_envelope(text)
            label = envelope.label or DEFAULT_LABEL
            only = _is_switch_on("ANSIBLE_VAULT_ID_MATCH")
            for password in sorted(self.passwords, key=lambda password: password.label != label):
                if only and password.label != label:
                    continue
                plain = vault_format.decrypt(envelope, password.value)
                if plain is not None:
                    return plain, password
        except VaultError as error:
            raise VaultError(error.reason, file=file, line=line) from None
        label_note = f" (its vault id is {envelope.label})" if envelope.label else ""
        if not self.passwords:
            text = "use --vault-password-file, --vault-id or --ask-vault-pass"
            raise VaultError(
                f"the value is encrypted{label_note}, and no vault password was given: {text}",
                file=file,
                line=line,
            )
        labels = ", ".join(dict.fromkeys(password.label for password in self.passwords))
        raise VaultError(
            f"no vault password decrypts this{label_note}; tried: {labels}", file=file, line=line
        )

    def for_encryption(self, label: str | None = None) -> Password:
        """Return the password for a new text: by its label, or the only one. Raises InputError."""
        if not self.passwords:
            raise InputError(
                "a vault password is needed: --vault-password-file, --vault-id or --ask-vault-pass"
            )
        label = label or os.environ.get("ANSIBLE_VAULT_ENCRYPT_IDENTITY") or None
        if label is not None:
            for password in self.passwords:
                if password.label == label:
                    return password
            raise InputError(f"no vault password has the id {label!r}", field="--encrypt-vault-id")
        labels = list(dict.fromkeys(password.label for password in self.passwords))
        if len(labels) > 1:
            text = f"there are several vault ids ({', '.join(labels)}); choose one of them"
            raise InputError(text, field="--encrypt-vault-id")
        return self.passwords[0]


def collect_keyring(
    vault_ids: Sequence[str] = (),
    password_files: Sequence[str | Path] = (),
    *,
    ask: bool = False,
    new: bool = False,
    environment: bool = True,
    prompt: Ask = getpass.getpass,
) -> Keyring:
    """Return the keyring of ANSIBLE_VAULT_IDENTITY_LIST and a command's options.

    `vault_ids` are LABEL@SOURCE or SOURCE, where SOURCE is `prompt`, a file or an executable file that
    prints the password; ANSIBLE_VAULT_PASSWORD_FILE comes after `password_files`. `new` asks twice.
    """
    slugs: list[str] = []
    files = [str(file) for file in password_files]
    if environment:
        identity_list = os.environ.get("ANSIBLE_VAULT_IDENTITY_LIST", "")
        slugs += [part.strip() for part in identity_list.split(",") if part.strip()]
        if os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE"):
            files.append(os.environ["ANSIBLE_VAULT_PASSWORD_FILE"])
    slugs += [*vault_ids, *(f"{DEFAULT_LABEL}@{file}" for file in files)]
    if ask:
        slugs.append(f"{DEFAULT_LABEL}@prompt_ask_vault_pass")
    return Keyring([_read_password(slug, new, prompt) for slug in slugs])


def _read_password(slug: str, new: bool, prompt: Ask) -> Password:
    label, at, source = slug.partition("@")
    if not at:
        label, source = "", slug
    label = label or DEFAULT_LABEL
    if source in _PROMPTS:
        return Password(label, _ask_password(label if source == "prompt" else "", new, prompt))
    return Password(label, _read_password_file(Path(source).expanduser(), label))


def _ask_password(label: str, new: bool, prompt: Ask) -> bytes:
    label_text = f" ({label})" if label else ""
    try:
        value = prompt(f"{'New vault' if new else 'Vault'} password{label_text}: ")
        if new and prompt(f"Confirm new vault password{label_text}: ") != value:
            raise InputError("the passwords differ", field="vault password")
    except EOFError:
        raise InputError(
            "there is no terminal to ask for the vault password", field="vault password"
        ) from None
    if not value.strip():
        raise InputError("a vault password must not be empty", field="vault password")
    return value.strip().encode()


def _read_password_file(path: Path, label: str) -> bytes:
    if not path.exists():
        raise InputError("the vault password file does not exist", file=path)
    if path.is_file() and os.access(path, os.X_OK):
        value = _run_password_script(path, label)
    else:
        value = operator_files.read_bytes(path, field="vault password file").strip()
    if not value:
        raise InputError("the vault password file is empty", file=path)
    return value


def _run_password_script(path: Path, label: str) -> bytes:
    """Return a password script's output; a script named *-client gets the vault id as an option."""
    words = [str(path.absolute())]
    if path.stem.endswith("-client"):
        words += ["--vault-id", label]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except OSError as error:
        text = f"cannot run the vault password script ({interpreters.explain_start_failure(path, error)})"
        text += "; a file that holds a password must not be executable"
        raise InputError(text, file=path) from None
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip()
        text = f"the vault password script failed with exit code {done.returncode}{': ' + why if why else ''}"
        raise InputError(text, file=path)
    return done.stdout.strip(b"\r\n")


def _is_switch_on(name: str) -> bool:
    """Whether a boolean of the environment is true, in Ansible's syntax."""
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on", "y", "t")


class _ProcessKeyring:
    """The keyring of this process."""

    keyring: Keyring | None = None


def use_keyring(keyring: Keyring | None) -> None:
    """Use these passwords from now on; None: those of the environment."""
    _ProcessKeyring.keyring = keyring


def current_keyring() -> Keyring:
    """Return the process's keyring; the environment's passwords are read on first use."""
    if _ProcessKeyring.keyring is None:
        _ProcessKeyring.keyring = collect_keyring()
    return _ProcessKeyring.keyring
