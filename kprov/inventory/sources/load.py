"""Loads inventories from files (YAML, INI, scripts), directories and lists of hosts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from kprov.errors import InputError
from kprov.inventory import host_ranges, operator_files, yaml_file
from kprov.inventory.model import Inventory
from kprov.inventory.sources import (
    bastion,
    group_nesting,
    ini_source,
    kubespray_groups,
    script_source,
    yaml_source,
)

#: Names in a directory that are not sources: Ansible's rules, and folders of kprov and kubespray.
_PASSED_OVER = {"group_vars", "host_vars", "vars_plugins", "artifacts", "credentials", "hooks", "patches"}
_SUFFIXES = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")
_KEY = re.compile(r"""("[^"]*"|'[^']*'|[\w.-]+)\s*:(\s|$)""")
_YAML = (".yml", ".yaml", ".json")
Source = Path | str


def load_inventory(sources: Source | Sequence[Source]) -> Inventory:
    """Load the inventory of one or several sources; later ones win. `a,b,` is a list of hosts.

    Every syntax error is an InputError with file and line, where Ansible often only warns.
    """
    source_list = [sources] if isinstance(sources, (str, Path)) else list(sources)
    if not source_list:
        raise InputError("no inventory was given", field="--inventory")
    paths = [Path(source) for source in source_list if not _is_host_list(source)]
    for path in paths:
        if not _exists(path):
            raise InputError("the inventory does not exist", file=path)
    folders = [path if path.is_dir() else path.parent for path in paths]
    inventory = Inventory(paths[0] if paths else Path(str(source_list[0])), folders or [Path.cwd()])
    inventory.named = [
        str(named_source) if _is_host_list(named_source) else str(Path(named_source).absolute())
        for named_source in source_list
    ]
    for source in source_list:
        if _is_host_list(source):
            _read_host_list(inventory, str(source))
        else:
            _read_path(inventory, Path(source))
    group_nesting.check_nesting(inventory)
    kubespray_groups.add_groups(inventory)
    inventory.complete_groups()
    inventory.jump_rule = bastion.jump_variables
    if not inventory.hosts:
        raise InputError(_explain_no_hosts(inventory), file=inventory.path)
    return inventory


def _explain_no_hosts(inventory: Inventory) -> str:
    """Return what to do about an inventory without hosts, such as kubespray's sample."""
    empty = [
        name for name, group in inventory.groups.items() if group.line is not None and not group.children
    ]
    if not empty:
        return "the inventory has no hosts"
    group = inventory.groups[empty[0]]
    return (
        f"the inventory has no hosts: its groups {', '.join(empty)} are empty. Write the hosts below "
        f"the group in line {group.line} of {Path(group.file).name}, one a line: NAME ansible_host=ADDRESS"
    )


def _exists(path: Path) -> bool:
    """Whether a path names a file. Raises InputError if nobody can know."""
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the inventory cannot be read: {reason}", file=path) from None


def _is_host_list(source: Source) -> bool:
    # The name of a file is not as long as a list of hosts can be.
    return "," in str(source) and (len(str(source)) > 4000 or not _exists(Path(source)))


def _read_host_list(inventory: Inventory, text: str) -> None:
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        name, port = host_ranges.split_port(entry)
        host = inventory.add_host(name, "ungrouped")
        host.source = host.source or Path(text)
        if port is not None:
            inventory.set_host(name, {"ansible_port": port})


def _read_path(inventory: Inventory, path: Path, above: tuple[Path, ...] = ()) -> None:
    if not path.is_dir():
        _read_file(inventory, path)
        return
    folder = path.resolve()
    if folder in above:
        raise InputError(f"is a link to {folder}, in which it stands", file=path)
    entries = [entry for entry in _list_entries(path) if _is_source(entry)]
    if not any(entry.is_file() or not entry.is_dir() for entry in entries):
        raise InputError("the folder has no inventory file such as hosts.yml", file=path)
    for entry in entries:
        if not entry.is_dir():
            _read_file(inventory, entry)
        elif any(_is_source(inner) and inner.is_file() for inner in _list_entries(entry)):
            _read_path(inventory, entry, (*above, folder))


def _list_entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=folder) from None


def _is_source(path: Path) -> bool:
    return not (path.name.startswith(".") or path.name in _PASSED_OVER or path.name.endswith(_SUFFIXES))


def _read_file(inventory: Inventory, path: Path) -> None:
    if path.suffix == ".toml":
        raise InputError("TOML inventories are not supported; use YAML", file=path)
    if os.access(path, os.X_OK) and _is_program(path):
        script_source.read_script(inventory, path)
        return
    text, encrypted = yaml_file.read_text(path)
    before = len(inventory.sources)
    if path.suffix in _YAML:
        _read_yaml_or_ini(inventory, path, text)
    elif path.suffix == "" and _looks_like_yaml(text):
        yaml_source.read_yaml(inventory, path, text)
    else:
        ini_source.read_ini(inventory, path, text)
    if encrypted:
        for variables in inventory.sources[before:]:
            yaml_file.register_secrets(variables)


def _read_yaml_or_ini(inventory: Inventory, path: Path, text: str) -> None:
    """Read a file with a name of YAML. As in Ansible, it may be INI: one that begins with a section is."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if ini_source.is_section(first) and path.suffix != ".json":
        ini_source.read_ini(inventory, path, text)
    else:
        yaml_source.read_yaml(inventory, path, text)


def _is_program(path: Path) -> bool:
    """Whether an executable file is a program: unlike Ansible, kprov does not run data files."""
    operator_files.check_file(path)
    with path.open("rb") as file:
        return file.read(4).startswith((b"#!", b"\x7fELF"))


def _looks_like_yaml(text: str) -> bool:
    """Whether the first line that is not a comment is a YAML key or a document's start."""
    lines = (line.rstrip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    return first.startswith(("---", "{", "%")) or bool(_KEY.match(first))
