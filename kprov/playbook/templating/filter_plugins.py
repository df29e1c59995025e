"""Filters of filter_plugins/ and of installed collections; they run on the operator's machine.

As in Ansible, filters of plays and roles are available in the whole process once they are loaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kprov.inventory import yaml_file
from kprov.playbook.ansible_modules import ansible_core
from kprov.playbook.ansible_modules.finder import find_collection_folder
from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.templating.plugin_calls import wrap_function
from kprov.playbook.templating.values import FilterError

Filter = Callable[..., Any]
_lock = threading.RLock()
_known: dict[str, Filter] = {}
_read: set[Path] = set()
_failures: dict[Path, str] = {}
_collections: dict[Path, None] = {}


def load_filters(folder: Path, paths: SearchPaths | None = None) -> None:
    """Load the filters of a play's or role's filter_plugins/; `paths` adds search paths and collections."""
    folders = [folder / "filter_plugins", *(paths.filters if paths else ())]
    with _lock:
        for place in [folder / "collections", *(paths.collections if paths else ())]:
            _collections.setdefault(place)
        for path in (
            path
            for plugin_folder in folders
            if plugin_folder.is_dir()
            for path in sorted(plugin_folder.glob("*.py"))
        ):
            if path not in _read and path.name != "__init__.py":
                _read.add(path)
                _known.update(
                    {name: function for name, function in _load_file(path).items() if name not in _known}
                )


def find_filter(name: str) -> Filter | None:
    """Return a filter as templates call it, or None."""
    with _lock:
        if name not in _known and name.count(".") >= 2:
            _known.update(_load_collection(name))
        return _known.get(name)


def describe_failures() -> str:
    """Return which files of filters could not be loaded, and why; empty if all could."""
    return "; ".join(f"{path} cannot be loaded: {why}" for path, why in _failures.items())


def _load_file(path: Path) -> dict[str, Filter]:
    name = f"kprov_filters_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return {}
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return _make_filters(module, "")
    except Exception as error:  # As in Ansible, a broken file only matters if a template uses it.
        _failures[path] = _describe_error(error)
        return {}


def _load_collection(name: str) -> dict[str, Filter]:
    namespace, collection, filter_name = name.split(".", 2)
    folder = find_collection_folder(f"{namespace}.{collection}", tuple(_collections))
    if folder is None:
        return {}
    redirect = _read_routing(folder).get(filter_name, {}).get("redirect")
    if redirect is not None and redirect != name:
        target = find_filter(str(redirect))
        return {} if target is None else {name: target}
    if not ansible_core.is_installed():
        _failures[folder] = f"filters of collections need ansible-core: {ansible_core.INSTALL}"
        return {}
    ansible_core.add_search_paths([], _collections)
    files = sorted(
        (folder / "plugins" / "filter").glob("*.py"), key=lambda path: (path.stem != filter_name, path.name)
    )
    for path in files:
        try:
            package = f"ansible_collections.{namespace}.{collection}.plugins.filter.{path.stem}"
            filters = _make_filters(importlib.import_module(package), f"{namespace}.{collection}.")
        except Exception as error:
            _failures[path] = _describe_error(error)
            continue
        if name in filters:
            return filters
    return {}


@functools.cache
def _read_routing(folder: Path) -> dict[str, dict[str, Any]]:
    file = folder / "meta" / "runtime.yml"
    document = yaml_file.load_yaml(file) if file.is_file() else None
    routing = document.get("plugin_routing") if isinstance(document, dict) else None
    return (routing or {}).get("filter") or {}


def _make_filters(module: Any, prefix: str) -> dict[str, Filter]:
    functions = module.FilterModule().filters() if hasattr(module, "FilterModule") else {}
    return {
        f"{prefix}{name}": wrap_function(_convert_errors(function), "filter", name)
        for name, function in functions.items()
    }


def _convert_errors(function: Filter) -> Filter:
    """Wrap a filter so that any exception becomes an error of the template."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise FilterError(str(error) or type(error).__name__) from error

    call.is_plugin = True  # type: ignore[attr-defined]
    return call


def _describe_error(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "ansible":
        return f"it imports ansible, which is not installed: {ansible_core.INSTALL}"
    return f"{type(error).__name__}: {error}"


class FilterTable(dict[str, Filter]):
    """The filters for Jinja2: kprov's, then those of plugins and collections."""

    def __init__(self, own: dict[str, Filter], refused: dict[str, Filter]) -> None:
        super().__init__(own)
        self._refused = refused

    def __missing__(self, name: str) -> Filter:
        function = find_filter(name) or self._refused.get(name)
        if function is None:
            raise KeyError(name)
        return function

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self.get(str(name)) is not None

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default
