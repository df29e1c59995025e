"""Ansible's host patterns: names, groups, wildcards, regular expressions, `:`, `!`, `&`, ranges."""

from __future__ import annotations

import fnmatch
import re

from kprov.inventory.model import Inventory

_SLICE = re.compile(r"^(.+)\[(-?\d+)(?:[:-](-?\d*))?\]$")


def match(inventory: Inventory, pattern: str | list[str]) -> list[str]:
    """Hosts in the order of the pattern's parts; an unknown name matches nothing."""
    parts = [
        part.strip()
        for text in ([pattern] if isinstance(pattern, str) else pattern)
        for part in _split(str(text))
    ]
    plain = [part for part in parts if part and part[0] not in "!&"] or ["all"]
    found: dict[str, None] = {}
    for part in plain:
        found.update(dict.fromkeys(_one(inventory, part)))
    for part in parts:
        if part.startswith("&"):
            both = set(_one(inventory, part[1:]))
            found = {host: None for host in found if host in both}
    for part in parts:
        if part.startswith("!"):
            for host in _one(inventory, part[1:]):
                found.pop(host, None)
    return list(found)


def _split(text: str) -> list[str]:
    if "," in text:
        return text.split(",")
    # A colon inside brackets is a range; addresses of IPv6 are only told apart when nothing else is there.
    return (
        [text]
        if text.count(":") > 1 and re.fullmatch(r"[0-9a-fA-F:.]+", text)
        else re.split(r":(?![^\[]*\])", text)
    )


def _one(inventory: Inventory, part: str) -> list[str]:
    if part.startswith("~"):
        expression = re.compile(part[1:])
        groups = [name for name in inventory.groups if expression.match(name)]
        hosts = [name for name in inventory.hosts if expression.match(name)]
        return [*(host for group in groups for host in inventory.members(group)), *hosts]
    if part in ("all", "*"):
        return list(inventory.hosts)
    found = _SLICE.match(part)
    if found and part not in inventory.hosts:
        members = _one(inventory, found[1])
        if found[3] is None and "[" in part and not re.search(r"[:-]\d*\]$", part.split("[", 1)[1][1:] or ""):
            index = int(found[2])
            return [members[index]] if -len(members) <= index < len(members) else []
        end = int(found[3]) if found[3] else len(members) - 1
        return members[int(found[2]) : end + 1 if end >= 0 else len(members) + end + 1]
    if any(letter in part for letter in "*?["):
        hits = [
            host
            for name in inventory.groups
            if fnmatch.fnmatchcase(name, part)
            for host in inventory.members(name)
        ]
        return [*hits, *(name for name in inventory.hosts if fnmatch.fnmatchcase(name, part))]
    if part in inventory.groups:
        return inventory.members(part)
    return [part] if part in inventory.hosts else []
