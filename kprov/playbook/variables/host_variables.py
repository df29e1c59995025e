"""Rendered variables of a host for code outside of templates; errors name the variable and its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kprov.errors import InputError
from kprov.inventory import variable_files
from kprov.inventory.model import Inventory
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import ERRORS, describe_error


def make_variable_error(inventory: Inventory, host: str, name: str, why: str) -> InputError:
    """Return the error for a variable that cannot be rendered, with the file and line that set it."""
    value = inventory.variables(host).get(name)
    places = (
        variable_files.variable_place(source, name)
        for source in reversed(inventory.sources)
        if name in source and source[name] == value
    )
    file, line = next(places, (None, None))
    return InputError(why, file=file or inventory.path, line=line, field=name)


class HostVariables(Mapping[str, Any]):
    """The variables of a host as `hostvars` shows them. Raises InputError for one that cannot be rendered.

    An undefined value is a Marker, as in a Scope.
    """

    def __init__(self, inventory: Inventory, host: str, scope: Scope) -> None:
        self._inventory = inventory
        self._host = host
        self._scope = scope

    def __getitem__(self, name: str) -> Any:
        if name not in self._scope:
            raise KeyError(name)
        try:
            return self._scope[name]
        except ERRORS as error:
            raise make_variable_error(self._inventory, self._host, name, describe_error(error)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._scope

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope)

    def __len__(self) -> int:
        return len(self._scope)
