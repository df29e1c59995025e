# These lookups run commands.
# ruff: noqa: S602
"""Lookups of the operator's machine and the inventory: env, pipe, lines, vars, names of hosts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

from kprov.errors import InputError
from kprov.inventory import bounded_regex
from kprov.inventory.host_patterns import match_hosts
from kprov.inventory.model import Group, Host, Inventory
from kprov.playbook.templating.lookups.search import check_options, playbook_folder
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import Marker
from kprov.playbook.templating.values import FilterError, describe_type


def _env(_scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    default = check_options(keywords, {"default": ""}, "env")["default"]
    values = []
    for term in terms:
        name = str(term).split()[0]
        value = os.environ.get(name, default)
        values.append(
            Marker(f"The environment variable {name!r} is not set.") if isinstance(value, Marker) else value
        )
    return values


def _run_command(scope: Scope, command: Any, lookup: str) -> str:
    done = subprocess.run(
        str(command),
        shell=True,
        check=False,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=playbook_folder(scope),
    )
    if done.returncode:
        raise FilterError(f"lookup_plugin.{lookup}({command}) returned {done.returncode}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _pipe(scope: Scope, terms: list[Any]) -> list[Any]:
    return [_run_command(scope, term, "pipe").rstrip() for term in terms]


def _lines(scope: Scope, terms: list[Any]) -> list[Any]:
    return [line for term in terms for line in _run_command(scope, term, "lines").splitlines()]


def _vars(scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    default = check_options(keywords, {"default": None}, "vars")["default"]
    values = []
    for term in terms:
        if not isinstance(term, str):
            raise FilterError(f"Variable name must be 'str' not {describe_type(term)!r}.")
        try:
            value = scope[term]
        except KeyError:
            value = Marker(f"No variable named {term!r} was found.") if default is None else default
        values.append(value)
    return values


def _varnames(scope: Scope, terms: list[Any]) -> list[Any]:
    names = [str(name) for name in scope]
    matches: list[Any] = []
    for term in terms:
        if not isinstance(term, str):
            raise FilterError(
                f"Invalid setting identifier, {term!r} is not a string, it is a {describe_type(term)}"
            )
        matches += bounded_regex.filter_texts("search", term, names)
    return matches


def _inventory_hostnames(scope: Scope, terms: list[Any]) -> list[Any]:
    inventory = Inventory(path=playbook_folder(scope))
    for name, hosts in scope["groups"].items():
        group = inventory.groups.setdefault(name, Group(name))
        for host in hosts:
            inventory.hosts.setdefault(host, Host(host))
            group.hosts.append(host)
    try:
        return list(match_hosts(inventory, [str(term) for term in terms]))
    except InputError:
        return []


LOOKUPS: dict[str, Callable[..., list[Any]]] = {
    "env": _env,
    "pipe": _pipe,
    "lines": _lines,
    "vars": _vars,
    "varnames": _varnames,
    "inventory_hostnames": _inventory_hostnames,
}
