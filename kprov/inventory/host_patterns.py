"""Ansible's host patterns: names, groups, wildcards, regular expressions, `,` `:` `!` `&`, and slices."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path

from kprov import suggestions
from kprov.errors import InputError
from kprov.inventory import bounded_regex, host_ranges, operator_files
from kprov.inventory.model import LOCALHOST, Inventory

_SLICE = re.compile(r"(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]")
#: Characters of wildcards, regular expressions and slices.
_EXPRESSION = re.compile(r"[*?\[]|^~")
_PARTS = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")


def match_hosts(inventory: Inventory, pattern: str | list[str]) -> list[str]:
    """Return the hosts in the order of the pattern's parts, & and ! last; an unknown name matches none.

    Raises InputError for an invalid expression and for an index out of range.
    """
    parts = split_pattern(pattern)
    plain = [part for part in parts if part[0] not in "!&"] or ["all"]
    matches: dict[str, None] = {}
    for part in plain:
        matches.update(dict.fromkeys(_match_part(inventory, part)))
    for part in parts:
        if part.startswith("&"):
            both = set(_match_part(inventory, part[1:]))
            matches = {host: None for host in matches if host in both}
    for part in parts:
        if part.startswith("!"):
            for host in _match_part(inventory, part[1:]):
                matches.pop(host, None)
    return list(matches)


def apply_limit(inventory: Inventory, hosts: Iterable[str], limit: str) -> list[str]:
    """Return the hosts that --limit selects; a part @FILE stands for the lines of a file."""
    limited = set(match_hosts(inventory, _split_limit(limit)))
    return [host for host in hosts if host in limited]


def check_limit(inventory: Inventory, limit: str | None) -> None:
    """Raise InputError if --limit names an unknown host or group, or selects no host.

    Ansible ignores an unknown name if others match. kprov does not, because it may be a typing error.
    Wildcards and regular expressions may match nothing if another part matches.
    """
    if not limit:
        return
    parts = _split_limit(limit)
    for part in parts:
        name = part.removeprefix("!").removeprefix("&")
        if _EXPRESSION.search(name) or name in inventory.groups or _match_part(inventory, name):
            continue
        names = [*(name for name, host in inventory.hosts.items() if not host.implicit), *inventory.groups]
        hint = suggestions.hint(name, names)
        raise InputError(f"there is no host or group {name!r} in the inventory{hint}", field="--limit")
    if not match_hosts(inventory, parts):
        raise InputError(f"{limit!r} leaves no host of the inventory", field="--limit")


def _split_limit(limit: str) -> list[str]:
    parts: list[str] = []
    for part in split_pattern(limit):
        if not part.startswith("@"):
            parts.append(part)
            continue
        text = operator_files.read_text(Path(part[1:]), field="--limit")
        parts += [line.strip() for line in text.splitlines() if line.strip()]
    return parts


def split_pattern(pattern: str | list[str]) -> list[str]:
    """Split a pattern at commas, or without commas at colons outside addresses and ranges."""
    if not isinstance(pattern, str):
        return [part for item in pattern for part in split_pattern(str(item))]
    if "," in pattern:
        parts = pattern.split(",")
    elif host_ranges.is_address(host_ranges.split_port(pattern)[0]):
        parts = [pattern]
    else:
        parts = _PARTS.findall(pattern)
    return [part.strip() for part in parts if part.strip()]


def _match_part(inventory: Inventory, part: str) -> list[str]:
    """Return the hosts of one part without its ! or &."""
    if not part:
        return []
    if part in inventory.hosts:
        return [part]
    if part.startswith("~"):
        return _match_names(inventory, part)
    match = _SLICE.fullmatch(part)
    if not match:
        return _match_names(inventory, part)
    members = _match_names(inventory, match[1])
    if not members:
        return []
    if match[2] is not None:
        index = int(match[2])
        if not -len(members) <= index < len(members):
            count = "1 host" if len(members) == 1 else f"{len(members)} hosts"
            raise InputError(f"{match[1]} has {count}", field=f"pattern {part}")
        return [members[index]]
    end = int(match[4]) if match[4] else len(members) - 1
    # In Ansible an end of 0 counts as no end: the slice is one host.
    return members[int(match[3]) : end + 1] if end else [members[int(match[3])]]


def _match_names(inventory: Inventory, name: str) -> list[str]:
    try:
        expression = name[1:] if name.startswith("~") else fnmatch.translate(name)
        groups = bounded_regex.filter_texts("match", expression, list(inventory.groups))
        hosts = bounded_regex.filter_texts("match", expression, list(inventory.hosts))
    except re.error as error:
        raise InputError(f"{name} is not a regular expression: {error}", field="pattern") from None
    except bounded_regex.RegexLimitError as error:
        raise InputError(str(error), field="pattern") from None
    matches = dict.fromkeys(host for group in groups for host in inventory.members(group))
    if not groups or name.startswith("~") or any(letter in name for letter in ".?*["):
        matches.update(dict.fromkeys(host for host in hosts if not inventory.hosts[host].implicit))
    if not matches and name in LOCALHOST:
        return [inventory.implicit_localhost(name).name]
    return list(matches)
