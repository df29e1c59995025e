"""Names and argument tables of the agent's modules, read from their files."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import kprov.agent.modules
from kprov.agent import arguments
from kprov.agent.context import ModuleError, parse_boolean
from kprov.agent.files import fragments
from kprov.agent.protocol import INLINE_BYTES

__all__ = [
    "INLINE_BYTES",
    "ArgumentError",
    "Table",
    "UnsupportedError",
    "check_arguments",
    "convert_argument",
    "fragments",
    "module_names",
    "module_rules",
    "module_table",
    "parse_boolean",
]

#: Raised for arguments that a table does not allow; the text is Ansible's.
ArgumentError = ModuleError
UnsupportedError = arguments.UnsupportedError
#: An argument_spec and the rules between its arguments.
Table = tuple[dict[str, dict[str, Any]], dict[str, Any]]


@functools.cache
def module_names() -> frozenset[str]:
    """Return the names of the modules that run on a host."""
    folder = Path(kprov.agent.modules.__path__[0])
    return frozenset(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


@functools.cache
def module_table(name: str) -> Table | None:
    """Return the arguments of an agent's module; None if it has no table."""
    return table_of(importlib.import_module(f"kprov.agent.modules.{name}"))


def table_of(module: Any) -> Table | None:
    """Return the table of a module or action with ARGUMENTS and perhaps RULES."""
    spec = arguments.spec_of(module)
    return None if spec is None else (spec, getattr(module, "RULES", {}))


def module_rules(name: str) -> dict[str, Any]:
    """Return the RULES of an agent's module; they count also if it uses another module's arguments."""
    rules: dict[str, Any] = getattr(importlib.import_module(f"kprov.agent.modules.{name}"), "RULES", {})
    return rules


def check_arguments(
    what: str, args: dict[str, Any], spec: dict[str, Any], rules: dict[str, Any]
) -> dict[str, Any]:
    """Return the checked and converted arguments. Raises ArgumentError."""
    return arguments.check_arguments(what, args, spec, rules)


def convert_argument(name: str, value: Any, entry: dict[str, Any]) -> Any:
    """Return a value converted to the type of its entry. Raises ArgumentError."""
    return arguments.convert_value(name, value, entry)
