"""Finds which roles, playbooks and templates use a variable, by reading their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kprov.inventory import yaml_file

_EXPRESSION = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_CONDITION = re.compile(
    r"^\s*(?:- )?(?:when|until|that|loop|changed_when|failed_when):\s*(.+)$", re.MULTILINE
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
#: Matches names in subscripts such as `hostvars[host]['ip']`.
_HOSTVARS = re.compile(r"hostvars\[[^\]]+\]\[['\"](\w+)['\"]\]")


def find_names(text: str) -> set[str]:
    """Return the names in the templates and conditions of a text."""
    names: set[str] = set()
    for match in _EXPRESSION.finditer(text):
        names |= find_expression_names(match[1] or match[2] or "")
    for match in _CONDITION.finditer(text):
        names |= find_expression_names(match[1])
    return names


def find_expression_names(text: str) -> set[str]:
    """Return the names in an expression."""
    return set(_NAME.findall(_QUOTED.sub("''", text))) | set(_HOSTVARS.findall(text))


@lru_cache(maxsize=4)
def find_project_usage(root: Path) -> dict[str, tuple[str, ...]]:
    """Return for every variable the roles that use it, in ROOT/roles, ROOT/templates and ROOT/playbooks.

    A template belongs to the roles whose files name it.
    """
    usage: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    for role in sorted((root / "roles").iterdir()) if (root / "roles").is_dir() else ():
        for path in _files(role):
            text = path.read_text(encoding="utf-8")
            texts[role.name] = texts.get(role.name, "") + text
            file_names = find_names(text)
            if path.parent.name == "defaults":
                file_names |= set(yaml_file.parse_shared(text, str(path)) or {})
            for name in file_names:
                usage.setdefault(name, set()).add(f"role {role.name}")
    for folder in ("templates", "playbooks"):
        for path in _files(root / folder):
            users = {f"role {role}" for role, text in texts.items() if path.name in text}
            for name in find_names(path.read_text(encoding="utf-8")):
                usage.setdefault(name, set()).update(users or {f"{folder}/{path.name}"})
    return {name: tuple(sorted(users)) for name, users in usage.items()}


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml", ".j2"))
