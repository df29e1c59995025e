"""Reads INI inventories: [GROUP], [GROUP:children], [GROUP:vars], hosts with NAME=VALUE words."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import host_ranges, yaml_file
from kprov.inventory.model import Inventory

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_KINDS = ("hosts", "children", "vars")


@dataclass
class _Reader:
    """Reads one file; `awaited` are groups that only :vars or :children have named, with their lines."""

    inventory: Inventory
    path: Path
    awaited: dict[str, tuple[int, str]]
    line: int = 0

    def error(self, message: str, field: str | None = None, line: int | None = None) -> InputError:
        return InputError(message, file=self.path, line=line or self.line, field=field)


def is_section(line: str) -> bool:
    """Whether a line starts a section, and is no list of YAML."""
    match = _SECTION.fullmatch(line)
    return match is not None and "," not in match[1]


def read_ini(inventory: Inventory, path: Path, text: str) -> None:
    """Add a file's groups and hosts. Raises InputError with the line."""
    reader = _Reader(inventory, path, {})
    group, kind = "ungrouped", "hosts"
    for reader.line, raw_line in enumerate(text.splitlines(), 1):
        line = raw_line.strip()
        if not line or line[0] in "#;":
            continue
        if match := _SECTION.fullmatch(line):
            group, kind = match[1], match[2] or "hosts"
            _section(reader, group, kind)
        elif line.startswith("[") and line.endswith("]"):
            raise reader.error(f"{line} is not a section: [GROUP], [GROUP:vars] or [GROUP:children]")
        elif kind == "hosts":
            _hosts(reader, group, line)
        elif kind == "vars":
            _variable(reader, group, line)
        else:
            _child(reader, group, line)
    for name, (number, reference) in reader.awaited.items():
        raise reader.error(reference, name, number)


def _section(reader: _Reader, group: str, kind: str) -> None:
    if kind not in _KINDS:
        raise reader.error(f"a section ends in {', '.join(_KINDS)}, not {kind!r}", group)
    is_defined = group in reader.inventory.groups and group not in reader.awaited
    if kind == "vars" and not is_defined:
        text = f"the group of these variables does not exist: there is no [{group}] or [{group}:children]"
        reader.awaited.setdefault(group, (reader.line, text))
    elif kind != "vars":
        reader.awaited.pop(group, None)
    own = reader.inventory.add_group(group, (str(reader.path), reader.line))
    if own.line is None:
        own.file, own.line = str(reader.path), reader.line


def _child(reader: _Reader, group: str, line: str) -> None:
    match = re.fullmatch(r"([^:\]\s]+)\s*(?:#.*)?", line)
    if not match:
        raise reader.error(f"expected a group's name, not {line!r}", group)
    child = match[1]
    if child not in reader.inventory.groups:
        text = f"the child group does not exist: there is no [{child}]"
        reader.awaited[child] = (reader.line, text)
        reader.inventory.add_group(child, (str(reader.path), reader.line))
    reader.inventory.add_child(group, child)


def _variable(reader: _Reader, group: str, line: str) -> None:
    name, equals, text = (part.strip() for part in line.partition("="))
    if not equals:
        raise reader.error(f"expected NAME=VALUE, not {line!r}", group)
    reader.inventory.set_group(group, _mapping(reader, {name: parse_value(text)}))


def _hosts(reader: _Reader, group: str, line: str) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise reader.error(str(error), group) from None
    pattern = words[0]
    if pattern == "---":
        raise reader.error("this looks like YAML; rename the file to end in .yml", group)
    names, port = host_ranges.expand_entry(pattern, str(reader.path), reader.line)
    if pattern.endswith(":") and port is None:
        raise reader.error("a host's name cannot end with a colon: NAME:PORT", pattern)
    variables: dict[str, Any] = {}
    for word in words[1:]:
        key, equals, text = word.partition("=")
        if not equals:
            raise reader.error(f"expected NAME=VALUE, not {word!r}", pattern)
        variables[key] = parse_value(text)
    for name in names:
        new = name not in reader.inventory.hosts
        reader.inventory.add_host(name, group, (str(reader.path), reader.line))
        if port is not None and new:
            reader.inventory.set_host(name, _mapping(reader, {"ansible_port": port}))
        reader.inventory.set_host(name, _mapping(reader, variables))


def _mapping(reader: _Reader, variables: dict[str, Any]) -> yaml_file.Mapping:
    """Return variables with their place."""
    mapping = yaml_file.Mapping(variables)
    mapping.file, mapping.line = str(reader.path), reader.line
    mapping.lines = dict.fromkeys(variables, reader.line)
    return mapping


def parse_value(text: str) -> Any:
    """Parse a value as Ansible does in INI files: a Python literal, or else text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _to_plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _to_plain(value: Any) -> Any:
    """Convert a literal to YAML's types: tuples and sets to lists, bytes and complex numbers to text."""
    if isinstance(value, (list, tuple, set)):
        return [_to_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _to_plain(entry) for key, entry in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, complex):
        return str(value)
    return "..." if value is ... else value
