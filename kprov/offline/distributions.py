"""The distributions that an export can contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kprov.errors import InputError


@dataclass(frozen=True)
class Distribution:
    """A release of Debian: its code name in apt and the version of its Python."""

    name: str
    title: str
    release: str
    python: str


DISTRIBUTIONS = {
    distribution.name: distribution
    for distribution in (
        Distribution("debian12", "Debian 12", "bookworm", "3.11"),
        Distribution("debian13", "Debian 13", "trixie", "3.13"),
    )
}


def find_distribution(name: str) -> Distribution:
    """Return the distribution of this name, such as debian13. Raises InputError."""
    if name not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        raise InputError(f"there is no distribution {name!r}; use {known}", field="--distribution")
    return DISTRIBUTIONS[name]


def name_of_host(facts: Mapping[str, Any]) -> str:
    """Return the name of a host's distribution, such as debian13, from its facts."""
    return f"{facts['ansible_distribution']}{facts['ansible_distribution_major_version']}".lower()
