"""Ansible's settings for the search paths of roles, modules, filters and collections.

For each setting the first of command line, environment, ansible.cfg and default wins, as in Ansible.
"""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kprov.errors import InputError
from kprov.inventory import operator_files

#: By field of SearchPaths: environment variable, key in ansible.cfg, default.
_SETTINGS = {
    "roles": (
        "ANSIBLE_ROLES_PATH",
        "roles_path",
        "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles",
    ),
    "modules": (
        "ANSIBLE_LIBRARY",
        "library",
        "~/.ansible/plugins/modules:/usr/share/ansible/plugins/modules",
    ),
    "filters": (
        "ANSIBLE_FILTER_PLUGINS",
        "filter_plugins",
        "~/.ansible/plugins/filter:/usr/share/ansible/plugins/filter",
    ),
    "tests": (
        "ANSIBLE_TEST_PLUGINS",
        "test_plugins",
        "~/.ansible/plugins/test:/usr/share/ansible/plugins/test",
    ),
    "collections": (
        "ANSIBLE_COLLECTIONS_PATH",
        "collections_path",
        "~/.ansible/collections:/usr/share/ansible/collections",
    ),
}


@dataclass(frozen=True)
class SearchPaths:
    """Search folders by kind; empty unless load_search_paths reads the settings."""

    roles: tuple[Path, ...] = ()
    modules: tuple[Path, ...] = ()
    filters: tuple[Path, ...] = ()
    tests: tuple[Path, ...] = ()
    collections: tuple[Path, ...] = ()


def load_search_paths(
    options: Mapping[str, str | None], environment: Mapping[str, str] | None = None
) -> tuple[SearchPaths, list[str]]:
    """Return the search paths, and warnings. `options` are those of the command line by field of SearchPaths.

    Raises InputError for an ansible.cfg that cannot be read.
    """
    variables = os.environ if environment is None else environment
    file, warnings = _find_config_file(variables)
    settings = {} if file is None else _read_defaults_section(file)
    paths: dict[str, tuple[Path, ...]] = {}
    for field, (variable, key, default) in _SETTINGS.items():
        for text, base in (
            (options.get(field), Path.cwd()),
            (variables.get(variable), Path.cwd()),
            (settings.get(key), file.parent if file else Path.cwd()),
            (default, Path.cwd()),
        ):
            if text:
                paths[field] = _split_paths(text, base)
                break
    return SearchPaths(**paths), warnings


def _split_paths(text: str, base: Path) -> tuple[Path, ...]:
    parts = (part.strip() for part in text.replace("{{CWD}}", str(Path.cwd())).split(os.pathsep))
    expanded = (Path(os.path.expandvars(part)).expanduser() for part in parts if part)
    return tuple(dict.fromkeys((base / path).absolute() for path in expanded))


def _find_config_file(variables: Mapping[str, str]) -> tuple[Path | None, list[str]]:
    """Return the ansible.cfg that Ansible would use, and warnings."""
    configured = variables.get("ANSIBLE_CONFIG")
    warnings = []
    candidates = [Path("~/.ansible.cfg").expanduser(), Path("/etc/ansible/ansible.cfg")]
    here = Path.cwd() / "ansible.cfg"
    if configured:
        path = Path(configured).expanduser().absolute()
        candidates.insert(0, path / "ansible.cfg" if path.is_dir() else path)
    elif here.is_file():
        if Path.cwd().stat().st_mode & stat.S_IWOTH:
            warnings.append(f"{here} is ignored, as every user can write to its folder")
        else:
            candidates.insert(0, here)
    return next((path for path in candidates if path.exists() and not path.is_dir()), None), warnings


def _read_defaults_section(file: Path) -> Mapping[str, str]:
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None, strict=False)
    try:
        parser.read_string(operator_files.read_text(file), str(file))
    except configparser.Error as error:
        raise InputError(f"cannot be read: {error}".replace("\n", " "), file=file) from None
    return dict(parser["defaults"]) if parser.has_section("defaults") else {}
