"""Filters and tests of filter_plugins/, test_plugins/ and installed collections, on the operator's machine.

As in Ansible, those of plays and roles are available in the whole process once they are loaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kprov.playbook.ansible_modules import ansible_core, routing
from kprov.playbook.ansible_modules.finder import find_collection_folder
from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.templating.plugin_calls import wrap_function, wrap_test
from kprov.playbook.templating.values import FilterError

Plugin = Callable[..., Any]


class Kind(NamedTuple):
    """How files have the plugins of a kind: the folder beside playbooks, the class and its method."""

    folder: str
    class_name: str
    method: str


KINDS = {
    "filter": Kind("filter_plugins", "FilterModule", "filters"),
    "test": Kind("test_plugins", "TestModule", "tests"),
}
_lock = threading.RLock()
_known: dict[str, dict[str, Plugin]] = {kind: {} for kind in KINDS}
_read: set[Path] = set()
_failures: dict[Path, str] = {}
_collections: dict[Path, None] = {}
_folders: dict[Path, None] = {}


def load_plugins(folder: Path, paths: SearchPaths | None = None) -> None:
    """Load the filters and tests of a play's or role's folder; `paths` adds search paths and collections."""
    configured = {"filter": paths.filters, "test": paths.tests} if paths else {}
    with _lock:
        _folders.setdefault(folder)
        for place in [folder / "collections", *(paths.collections if paths else ())]:
            _collections.setdefault(place)
        for kind, form in KINDS.items():
            for place in [folder / form.folder, *configured.get(kind, ())]:
                _load_folder(kind, place)


def _load_folder(kind: str, folder: Path) -> None:
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        if path not in _read and path.name != "__init__.py":
            _read.add(path)
            for name, function in _load_file(kind, path).items():
                _known[kind].setdefault(name, function)


def find_plugin(kind: str, name: str) -> Plugin | None:
    """Return a filter or test as templates call it, or None."""
    with _lock:
        known = _known[kind]
        if name not in known and name.count(".") >= 2:
            known.update(_load_collection(kind, name))
        elif name not in known:
            target = routing.split_redirect(routing.find_route(kind, name, None))
            plugin = find_plugin(kind, ".".join(target)) if target is not None else None
            if plugin is not None:
                known[name] = plugin
        return known.get(name)


def add_search_paths() -> None:
    """Let ansible-core search plugins of the folders and collections that were loaded."""
    with _lock:
        ansible_core.add_search_paths(list(_folders), list(_collections))


def describe_failures() -> str:
    """Return which files of plugins could not be loaded, and why; empty if all could."""
    return "; ".join(f"{path} cannot be loaded: {why}" for path, why in _failures.items())


def _load_file(kind: str, path: Path) -> dict[str, Plugin]:
    name = f"kprov_{kind}_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return {}
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return _make_plugins(kind, module, "")
    except Exception as error:  # As in Ansible, a broken file only matters if a template uses it.
        _failures[path] = _describe_error(error)
        return {}


def _load_collection(kind: str, name: str) -> dict[str, Plugin]:
    namespace, collection, plugin_name = name.split(".", 2)
    folder = find_collection_folder(f"{namespace}.{collection}", tuple(_collections))
    if folder is None:
        return {}
    target = routing.split_redirect(routing.find_route(kind, plugin_name, folder))
    if target is not None and ".".join(target) != name:
        plugin = find_plugin(kind, ".".join(target))
        return {} if plugin is None else {name: plugin}
    if not ansible_core.is_installed():
        _failures[folder] = f"{kind}s of collections need ansible-core: {ansible_core.INSTALL}"
        return {}
    ansible_core.add_search_paths([], _collections)
    files = sorted(
        (folder / "plugins" / kind).glob("*.py"), key=lambda path: (path.stem != plugin_name, path.name)
    )
    for path in files:
        try:
            package = f"ansible_collections.{namespace}.{collection}.plugins.{kind}.{path.stem}"
            plugins = _make_plugins(kind, importlib.import_module(package), f"{namespace}.{collection}.")
        except Exception as error:
            _failures[path] = _describe_error(error)
            continue
        if name in plugins:
            return plugins
    return {}


def _make_plugins(kind: str, module: Any, prefix: str) -> dict[str, Plugin]:
    maker = getattr(module, KINDS[kind].class_name, None)
    functions = getattr(maker(), KINDS[kind].method)() if maker is not None else {}
    return {f"{prefix}{name}": _wrap(kind, name, function) for name, function in functions.items()}


def _wrap(kind: str, name: str, function: Plugin) -> Plugin:
    converted = _convert_errors(function)
    return wrap_test(converted, name) if kind == "test" else wrap_function(converted, kind, name)


def _convert_errors(function: Plugin) -> Plugin:
    """Wrap a plugin so that any exception becomes an error of the template."""

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


class PluginTable(dict[str, Plugin]):
    """The filters or tests for Jinja2: kprov's, then those of plugins and collections."""

    def __init__(self, kind: str, own: dict[str, Plugin], refused: dict[str, Plugin]) -> None:
        super().__init__(own)
        self._kind = kind
        self._refused = refused
        #: How often a name was looked up that is not one of kprov's.
        self.plugin_lookups = 0

    def __missing__(self, name: str) -> Plugin:
        self.plugin_lookups += 1
        function = find_plugin(self._kind, name) or self._refused.get(name)
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
