"""The distributions that hosts may run, and why a host's distribution is rejected.

The table is the role variable kprov_distributions: the roles and kprov read the same file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from kprov.content.locations import ROLES
from kprov.inventory import yaml_file

TABLE = ROLES / "kprov_defaults/vars/main/distributions.yml"
#: The variable that allows experimental distributions.
ALLOW_EXPERIMENTAL = "kprov_allow_experimental_distributions"
#: Distributions whose releases differ in the second part of the version.
_WHOLE_VERSION = ("Ubuntu",)


@dataclass(frozen=True)
class Distribution:
    """A distribution's release, such as Debian 13.

    `archives` are the programs that it has no usable package of; `etcd` is the minor version of its package.
    """

    title: str
    support: Literal["full", "experimental"]
    packages: str
    archives: tuple[str, ...]
    etcd: str | None


@lru_cache(maxsize=1)
def list_distributions() -> dict[str, Distribution]:
    """Return all known distributions by title."""
    rows = yaml_file.load_shared(TABLE)["kprov_distributions"]
    return {
        title: Distribution(title, row["support"], row["packages"], tuple(row["archives"]), row.get("etcd"))
        for title, row in rows.items()
    }


@lru_cache(maxsize=1)
def list_packages(family: str) -> tuple[str, ...]:
    """Return the packages that the roles install on hosts of a family, such as debian."""
    rows = yaml_file.load_shared(TABLE)["kprov_package_names"][family]
    return tuple(dict.fromkeys(name for names in rows.values() for name in names))


def make_title(facts: Mapping[str, Any]) -> str:
    """Return the title of a host's distribution from its facts (ansible_distribution ...)."""
    name = str(facts["ansible_distribution"])
    version = "version" if name in _WHOLE_VERSION else "major_version"
    return f"{name} {facts[f'ansible_distribution_{version}']}"


def find_distribution(facts: Mapping[str, Any]) -> Distribution | None:
    """Return the distribution of a host with these facts; None if it is not known."""
    return list_distributions().get(make_title(facts))


def find_problem(facts: Mapping[str, Any], *, allow_experimental: bool = False) -> str | None:
    """Return why a host with these facts cannot be used; None if it can."""
    distribution = find_distribution(facts)
    distribution_name = f"{facts['ansible_distribution']} {facts['ansible_distribution_version']}"
    if distribution is None:
        full = " and ".join(entry.title for entry in list_distributions().values() if entry.support == "full")
        return f"{distribution_name} is not supported; use {full}"
    if distribution.support == "experimental" and not allow_experimental:
        return f"{distribution_name} is experimental (not tested): set {ALLOW_EXPERIMENTAL} to true to try it"
    return None
