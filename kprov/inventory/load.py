"""Inventories from files: YAML or INI, a file or a directory of them."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import ranges, yamlfile
from kprov.inventory.model import Inventory

_PASSED_OVER = {"group_vars", "host_vars", "artifacts"}
_GROUP_KEYS = ("hosts", "vars", "children")


def load(path: Path | str) -> Inventory:
    """The inventory at a path; every mistake of its form is an InputError with file and line."""
    path = Path(path)
    if not path.exists():
        raise InputError("there is no such inventory", file=path)
    inventory = Inventory(path)
    files = [path]
    if path.is_dir():
        files = sorted(
            file
            for file in path.iterdir()
            if file.is_file()
            and file.name not in _PASSED_OVER
            and not file.name.startswith(".")
            and file.suffix in ("", ".yml", ".yaml", ".ini", ".json")
        )
        if not files:
            raise InputError("the folder has no inventory file (hosts.yml)", file=path)
    for file in files:
        if file.suffix in (".yml", ".yaml", ".json"):
            _yaml(inventory, file)
        else:
            _ini(inventory, file)
    inventory.finish()
    for group in inventory.groups.values():
        _no_circle(inventory, group.name, ())
    if not inventory.hosts:
        raise InputError("the inventory has no hosts", file=path)
    return inventory


def _no_circle(inventory: Inventory, name: str, above: tuple[str, ...]) -> None:
    if name in above:
        group = inventory.groups[name]
        raise InputError(
            f"groups contain each other: {' > '.join([*above, name])}",
            file=group.file,
            line=group.line,
            field=name,
        )
    for child in inventory.groups[name].children:
        _no_circle(inventory, child, (*above, name))


def _yaml(inventory: Inventory, path: Path) -> None:
    document = yamlfile.load(path)
    if document is None:
        return
    if not isinstance(document, yamlfile.Mapping):
        raise InputError("an inventory must be a mapping of groups", file=path, line=1)
    for name, body in document.items():
        _group(inventory, path, document, name, body)


def _group(inventory: Inventory, path: Path, container: yamlfile.Mapping, name: Any, body: Any) -> None:
    line = container.lines.get(name)
    if not isinstance(name, str):
        raise InputError(f"{name!r} is not a group's name", file=path, line=line)
    group = inventory.add_group(name, (str(path), line))
    if group.line is None:
        group.file, group.line = str(path), line
    if body is None:
        return
    if not isinstance(body, yamlfile.Mapping):
        raise InputError(
            "a group must be a mapping with hosts, vars, children", file=path, line=line, field=name
        )
    for key, value in body.items():
        place = body.lines.get(key)
        if key not in _GROUP_KEYS:
            raise InputError(
                f"a group has {', '.join(_GROUP_KEYS)}, not {key!r}", file=path, line=place, field=name
            )
        if value is None:
            continue
        if key == "hosts" and isinstance(value, str):
            value = yamlfile.parse(f"{{'{value}': }}", str(path))  # noqa: PLW2901 - the short form becomes the long one
        if not isinstance(value, yamlfile.Mapping):
            raise InputError(
                f"must be a mapping, not {type(value).__name__.lower()}",
                file=path,
                line=place,
                field=f"{name}.{key}",
            )
        if key == "vars":
            inventory.sources.append(value)
            group.variables.update(value)
        elif key == "hosts":
            for host, variables in value.items():
                _host(inventory, path, value, name, host, variables)
        else:
            for child, inner in value.items():
                _group(inventory, path, value, child, inner)
                inventory.add_child(name, child)


def _host(
    inventory: Inventory, path: Path, container: yamlfile.Mapping, group: str, name: Any, variables: Any
) -> None:
    line = container.lines.get(name)
    if variables is not None and not isinstance(variables, dict):
        raise InputError(
            "a host's variables must be a mapping", file=path, line=line, field=f"{group}.hosts.{name}"
        )
    for one in ranges.expand(str(name), str(path), line):
        host = inventory.add_host(one, group, (str(path), line))
        if variables:
            inventory.sources.append(variables)
            host.variables.update(variables)


def _ini(inventory: Inventory, path: Path) -> None:
    section, kind = "ungrouped", "hosts"
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = text.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            found = re.fullmatch(r"\[([^\]:]+)(?::(\w+))?\]\s*(?:[#;].*)?", line)
            if not found or found[2] not in (None, "vars", "children", "hosts"):
                raise InputError(
                    f"{line} is not a section: [GROUP], [GROUP:vars] or [GROUP:children]",
                    file=path,
                    line=number,
                )
            section, kind = found[1], found[2] or "hosts"
            inventory.add_group(section, (str(path), number))
            continue
        group = inventory.groups[section]
        if kind == "vars":
            key, found_value, value = line.partition("=")
            if not found_value:
                raise InputError("expected NAME=VALUE", file=path, line=number, field=section)
            group.variables[key.strip()] = _value(value.strip())
        elif kind == "children":
            child = line.split("#")[0].strip()
            inventory.add_group(child, (str(path), number))
            inventory.add_child(section, child)
        else:
            try:
                words = shlex.split(line, comments=True)
            except ValueError as error:
                raise InputError(str(error), file=path, line=number) from None
            variables = {}
            for word in words[1:]:
                key, found_value, value = word.partition("=")
                if not found_value:
                    raise InputError(
                        f"expected NAME=VALUE, not {word!r}", file=path, line=number, field=words[0]
                    )
                variables[key] = _value(value)
            for one in ranges.expand(words[0], str(path), number):
                inventory.add_host(
                    one, None if section == "ungrouped" else section, (str(path), number)
                ).variables.update(variables)


def _value(text: str) -> Any:
    """A value as Ansible reads it in INI files: a Python literal, or a text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text, text) if text in ("True", "False") else text
