"""The names of all lookups, and unsupported ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.lookups import files, lists, machine, passwords
from kprov.playbook.templating.scope import Scope


def _ini(scope: Scope, terms: list[Any], **options: Any) -> list[Any]:
    # Import on use: the parser compiles expressions for some milliseconds.
    from kprov.playbook.templating.lookups.ini import ini

    return ini(scope, terms, **options)


def _url(scope: Scope, terms: list[Any], **options: Any) -> list[Any]:
    # Import on use: it needs many libraries.
    from kprov.playbook.templating.lookups.web import url

    return url(scope, terms, **options)


#: Lookups by name; a function takes the scope, the terms, and the lookup's options.
LOOKUPS: dict[str, Callable[..., list[Any]]] = {
    **lists.LOOKUPS,
    **files.LOOKUPS,
    **machine.LOOKUPS,
    "password": passwords.password,
    "ini": _ini,
    "url": _url,
}

#: What is not supported, with what to use instead.
REFUSED_LOOKUPS: dict[str, str] = {
    "config": "there are no settings of Ansible to read; use variables",
    "dig": "use pipe with the command dig",
    "hashi_vault": "read secrets into vault-encrypted variables, or use pipe",
    "passwordstore": "use pipe with the command pass, or vault-encrypted variables",
    "random_string": "use the password lookup with /dev/null",
    "redis": "use pipe",
    "k8s": "use kubectl in a task",
    "dependent": "use product, or a loop in a template",
    "merge_variables": "use combine with the vars and varnames lookups",
    "filetree": "use fileglob, or copy with a folder",
    "cartesian_with_format": "use product",
}

#: Collections whose lookups may be used by their full names.
PREFIXES = ("ansible.builtin.", "ansible.legacy.", "community.general.")


def short_name(name: str) -> str:
    """Return the name of a lookup without its collection."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name
