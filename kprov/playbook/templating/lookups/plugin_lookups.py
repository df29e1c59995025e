"""Lookups of lookup_plugins/, collections and ansible-core: run by an ansible-core that is installed."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import jinja2

from kprov.playbook.ansible_modules import ansible_core
from kprov.playbook.templating import plugin_files
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import MarkerError
from kprov.playbook.templating.values import FilterError, to_plain


class _Variables(dict[str, Any]):
    """The variables of a scope as a plain mapping; a value is rendered when the lookup reads it."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(dict.fromkeys(scope))
        self._scope = scope

    def __getitem__(self, name: str) -> Any:
        return to_plain(self._scope[name])

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


def is_found(name: str) -> bool:
    """Whether ansible-core finds a lookup of this name."""
    return ansible_core.is_installed() and bool(_plugin_loader().find_plugin_with_context(name).resolved)


def run_plugin(name: str, terms: list[Any], scope: Scope, options: dict[str, Any]) -> list[Any]:
    """Return the values of a lookup of ansible-core. Raises FilterError for any of its errors."""
    variables = _Variables(scope)
    data_loader: Any = importlib.import_module("ansible.parsing.dataloader").DataLoader()
    templar: Any = importlib.import_module("ansible.template").Templar
    directory = variables.get("playbook_dir")
    if directory:
        data_loader.set_basedir(str(directory))
    try:
        plugin = _plugin_loader().get(name, loader=data_loader, templar=templar(loader=data_loader))
        values = plugin.run(to_plain(terms), variables=variables, **to_plain(options))
    except (MarkerError, jinja2.TemplateError):
        raise
    except Exception as error:
        raise FilterError(str(error) or type(error).__name__) from error
    return [_remove_tags(value) for value in (values if isinstance(values, (list, tuple)) else [values])]


def _plugin_loader() -> Any:
    plugin_files.add_search_paths()
    return _import_loader()


@functools.cache
def _import_loader() -> Any:
    return importlib.import_module("ansible.plugins.loader").lookup_loader


def _remove_tags(value: Any) -> Any:
    """Return a value with plain types; ansible-core's own carry tags."""
    if isinstance(value, dict):
        return {_remove_tags(key): _remove_tags(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_remove_tags(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value) if type(value) is str else "".join(value)
    return value
