"""Reads YAML files with the lines of their keys, for error messages. Duplicate keys are errors."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from kprov.errors import InputError
from kprov.inventory import operator_files, secrets, yaml_bounds
from kprov.inventory.vault import keyring, vault_format
from kprov.inventory.vault.vault_format import Secret, Undecrypted, Unsafe, VaultError

__all__ = [
    "Mapping",
    "Sequence",
    "Unsafe",
    "line_of",
    "load_shared",
    "load_yaml",
    "parse_shared",
    "parse_yaml",
    "read_text",
    "register_secrets",
]

#: Variables whose values every run prints; they are not secret, even in an encrypted file.
_PUBLIC = {
    *("ansible_host", "ansible_port", "ansible_user", "ansible_connection", "ansible_python_interpreter"),
    *("ansible_become_user", "ansible_become_method", "ip", "access_ip"),
}
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mapping(dict[str, Any]):
    """A mapping of a file; `line` is its start, `lines` are those of its keys."""

    file: str = ""
    line: int = 0
    lines: dict[str, int]


class Sequence(list[Any]):
    """A list of a file; `line` is its start, `lines` are those of its entries."""

    file: str = ""
    line: int = 0
    lines: list[int]


class _Loader(_Base):  # type: ignore[misc]
    """PyYAML's safe loader that stores lines; `depth` is the number of open lists and mappings."""

    file = ""
    depth = 0

    def enter(self, node: Any) -> None:
        """Open a list or mapping. Raises BoundsError for one level too many."""
        self.depth += 1
        if self.depth > yaml_bounds.MAX_DEPTH:
            raise yaml_bounds.BoundsError(yaml_bounds.TOO_DEEP, node.start_mark.line + 1)


def _construct_mapping(loader: Any, node: Any) -> Any:
    mapping = Mapping()
    mapping.file, mapping.line, mapping.lines = loader.file, node.start_mark.line + 1, {}
    yield mapping
    loader.enter(node)
    # A key may override one from `<<`, but must not occur twice.
    own = {id(key_node) for key_node, _ in node.value}
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if isinstance(key, (list, dict)):
            message = "a key must be text; put a value that starts with {{ in quotes"
            raise InputError(message, file=loader.file, line=line)
        if id(key_node) in own and key in mapping.lines:
            other = next(known for known in mapping if known == key)
            message = f"the key is a duplicate of line {mapping.lines[key]}"
            if type(other) is not type(key):
                # Ansible keeps one of the two values without a word.
                message = (
                    f"the key equals {other!r} of line {mapping.lines[key]} in a mapping; quote one of them"
                )
            raise InputError(message, file=loader.file, line=line, field=str(key_node.value))
        if id(key_node) in own:
            mapping.lines[key] = line
        mapping[key] = loader.construct_object(value_node, deep=True)
    loader.depth -= 1


def _construct_sequence(loader: Any, node: Any) -> Any:
    sequence = Sequence()
    sequence.file, sequence.line = loader.file, node.start_mark.line + 1
    sequence.lines = [entry.start_mark.line + 1 for entry in node.value]
    yield sequence
    loader.enter(node)
    sequence.extend(loader.construct_object(entry, deep=True) for entry in node.value)
    loader.depth -= 1


def _construct_vault(loader: Any, node: Any) -> Any:
    """Decrypt a value; one that no password decrypts fails only when it is read, as in Ansible."""
    text = loader.construct_scalar(node)
    line = node.start_mark.line + 1
    try:
        return _make_secret(keyring.current_keyring().open(text, loader.file, line), text, loader.file, line)
    except VaultError as error:
        return Undecrypted(text, error)


def _make_secret(plain: bytes, ciphertext: str, file: str, line: int) -> Secret:
    try:
        value = Secret(plain.decode("utf-8"))
    except UnicodeDecodeError:
        raise VaultError("the decrypted value is not UTF-8 text", file=file, line=line) from None
    value.ciphertext = ciphertext
    secrets.register(value)
    return value


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _construct_sequence)
_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))
_Loader.add_constructor("!vault", _construct_vault)
_Loader.add_constructor("!vault-encrypted", _construct_vault)


def load_yaml(path: Path) -> Any:
    """Load a file, decrypted if it is a vault; None if it is empty. Raises InputError."""
    text, encrypted = read_text(path)
    document = parse_yaml(text, str(path))
    if encrypted and isinstance(document, dict):
        # Values of encrypted variables are secret; words of encrypted tasks (a list) are not.
        register_secrets(document)
    return document


def load_shared(path: Path) -> Any:
    """Load a file as load_yaml does, but parse the same text once. The caller must not change the value.

    A role's files are read again for every use of the role, hundreds of times in a playbook.
    """
    text, encrypted = read_text(path)
    # Values of these depend on the passwords, and are secret.
    return load_yaml(path) if encrypted or "!vault" in text else parse_shared(text, str(path))


def read_text(path: Path) -> tuple[str, bool]:
    """Return the text of a file, and whether it was a vault. Raises InputError."""
    text = operator_files.read_text(path)
    if not vault_format.is_vault(text):
        return text, False
    try:
        return keyring.current_keyring().open(text, path, 1).decode("utf-8"), True
    except UnicodeDecodeError:
        raise VaultError("the decrypted file is not UTF-8 text", file=path) from None


def register_secrets(value: Any) -> None:
    """Register the values of an encrypted file as secrets: texts, and numbers of six digits or more."""
    if isinstance(value, str):
        secrets.register(value)
    elif isinstance(value, dict):
        for name, entry in value.items():
            if name not in _PUBLIC:
                register_secrets(entry)
    elif isinstance(value, list):
        for entry in value:
            register_secrets(entry)
    elif isinstance(value, int) and abs(value) >= 100_000:
        secrets.register(str(value))


def parse_yaml(text: str, file: str) -> Any:
    """Parse a text that comes from `file`. Raises InputError."""
    try:
        yaml_bounds.check_text(text)
        loader = _Loader(text)
        loader.file = file
        try:
            node = loader.get_single_node()
            yaml_bounds.check_aliases(text, node)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise InputError(f"YAML: {error.problem or error.context}", file=file, line=line) from None
    except yaml_bounds.BoundsError as error:
        raise InputError(f"YAML: {error}", file=file, line=error.line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"the character #x{error.character:04x} is not allowed"
        raise InputError(f"YAML: {reason}", file=file, line=line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"YAML: {error}", file=file) from None


@functools.lru_cache(maxsize=1024)
def parse_shared(text: str, file: str) -> Any:
    """Parse a text that comes from `file`, the same text once. The caller must not change the value."""
    return parse_yaml(text, file)


def line_of(container: Any, key: Any) -> int | None:
    """Return the line of a key or of an entry of a list; None if it is not known."""
    if isinstance(container, Mapping):
        return container.lines.get(key, container.line)
    if isinstance(container, Sequence) and isinstance(key, int) and key < len(container.lines):
        return container.lines[key]
    return None
