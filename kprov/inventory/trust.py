"""Values and files that come from hosts. They are data: no template or condition in them is evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.inventory.vault.vault_format import Unsafe

#: The files that tasks of this process fetched, with their hosts.
_FETCHED: dict[Path, str] = {}


def mark_untrusted(value: Any) -> Any:
    """Return a plain value whose texts are neither templates nor conditions, for a layer of templates."""
    if isinstance(value, str):
        return value if isinstance(value, Unsafe) else Unsafe(value)
    if isinstance(value, dict):
        return {key: mark_untrusted(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [mark_untrusted(entry) for entry in value]
    return value


def remember_fetched(path: Path, host: str) -> None:
    """Remember that a file has what a host sent."""
    _FETCHED[path.resolve()] = host


def load_variables(path: Path) -> Any:
    """Load a YAML file of variables; those of a fetched file are values, not templates."""
    document = yaml_file.load_yaml(path)
    return mark_untrusted(document) if _FETCHED and path.resolve() in _FETCHED else document


def refuse_fetched(path: Path, use: str) -> None:
    """Raise InputError if a file was fetched from a host: it must not run here as a template or as tasks."""
    host = _FETCHED.get(path.resolve()) if _FETCHED else None
    if host is not None:
        raise InputError(
            f"this run fetched it from {host}; what a host sends is not used as {use}", file=path
        )
