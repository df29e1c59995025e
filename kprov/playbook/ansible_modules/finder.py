"""Find modules that are written for Ansible: in library/, search paths, collections and ansible-core."""

from __future__ import annotations

import difflib
from pathlib import Path

from kprov.errors import InputError
from kprov.playbook.ansible_modules import ansible_core, routing
from kprov.playbook.ansible_modules.search import ModuleSearch
from kprov.playbook.model.ansible_module import AnsibleModule

#: Endings of files that are not modules.
_NO_MODULES = frozenset(
    (".pyc", ".pyo", ".md", ".txt", ".yml", ".yaml", ".rst", ".json", ".ini", ".ps1", ".bak")
)
_BUILTIN = routing.BUILTIN
#: The first words of the advice for a module of a collection that is not there.
NOT_INSTALLED = "the collection"
#: The maximum number of redirections before they count as a loop.
_LONGEST_WAY = 10


def find_override(word: str, search: ModuleSearch) -> AnsibleModule | None:
    """Find a module of library/ or a search path, which overrides kprov's module of the same name."""
    if "." in word:
        return None
    folders = [*(folder / "library" for folder in search.folders), *search.paths.modules]
    for folder in dict.fromkeys(folders):
        path = _find_in_folder(folder, word)
        if path is not None:
            return _make_module(word, path, search)
    return None


def find_module(word: str, search: ModuleSearch) -> AnsibleModule | None:
    """Find the module of a task, or return None. Raises InputError for a module that cannot run."""
    module = find_override(word, search)
    if module is not None:
        return module
    parts = word.split(".")
    if len(parts) >= 3:
        collection, name = ".".join(parts[:2]), ".".join(parts[2:])
        return (
            _find_builtin(name, search)
            if collection in _BUILTIN
            else _find_in_collection(collection, name, search)
        )
    for collection in search.named:
        if collection not in _BUILTIN:
            module = _find_in_collection(collection, word, search)
            if module is not None:
                return module
    return _find_builtin(word, search) or _find_without_module(word, search)


def _find_without_module(word: str, search: ModuleSearch) -> AnsibleModule | None:
    """Find an action plugin that has no module, or a module for Windows, beside the play or in a role."""
    for folder in search.folders:
        action = folder / "action_plugins" / f"{word}.py"
        if word.isidentifier() and action.is_file():
            return AnsibleModule(word, action, search.folders, search.collections, action)
    for folder in (*(folder / "library" for folder in search.folders), *search.paths.modules):
        path = folder / f"{word}.ps1"
        if path.is_file():
            return _make_module(word, path, search)
    return None


def _find_in_folder(folder: Path, name: str) -> Path | None:
    if not name.replace("_", "").isalnum():
        return None
    for path in (folder / f"{name}.py", folder / name):
        if path.is_file():
            return path
    if not folder.is_dir():
        return None
    others = (path for path in sorted(folder.glob(f"{name}.*")) if path.suffix not in _NO_MODULES)
    return next((path for path in others if path.is_file()), None)


def _find_builtin(name: str, search: ModuleSearch) -> AnsibleModule | None:
    """Find a module of ansible-core, or of the collection that ansible-core redirects it to."""
    path = ansible_core.find_module_file(name) if name.isidentifier() else None
    if path is not None:
        return None if name == "async_wrapper" else _make_module(name, path, search)
    route = routing.find_route("modules", name, None)
    _check_tombstone(route, name)
    target = routing.split_redirect(route)
    return None if target is None else _find_in_collection(*target, search)


def _check_tombstone(route: routing.Route, name: str) -> None:
    if "tombstone" in route:
        text = (route["tombstone"] or {}).get("warning_text") or "it was removed"
        raise InputError(f"the module {name} is gone: {text}")


def _find_in_collection(collection: str, name: str, search: ModuleSearch) -> AnsibleModule | None:
    for _ in range(_LONGEST_WAY):
        folder = find_collection_folder(collection, search.collections)
        if folder is None:
            return None
        route = routing.find_route("modules", name, folder)
        _check_tombstone(route, f"{collection}.{name}")
        target = routing.split_redirect(route)
        if target is None:
            *below, last = name.split(".")
            return _find_in_plugins(folder / "plugins", below, last, f"{collection}.{name}", search)
        collection, name = target
        if collection in _BUILTIN:
            return _find_builtin(name, search)
    raise InputError(f"the module {collection}.{name} redirects in a circle")


def _find_in_plugins(
    plugins: Path, below: list[str], last: str, name: str, search: ModuleSearch
) -> AnsibleModule | None:
    """Find a module of a collection: a program, one for Windows, or an action plugin without a module."""
    modules = plugins.joinpath("modules", *below)
    path = _find_in_folder(modules, last)
    if path is None and (modules / f"{last}.ps1").is_file():
        path = modules / f"{last}.ps1"
    if path is not None:
        return _make_module(name, path, search, plugins.parent)
    action = plugins / "action" / f"{last}.py"
    if not below and action.is_file():
        return AnsibleModule(name, action, search.folders, search.collections, action)
    return None


def find_collection_folder(collection: str, paths: tuple[Path, ...]) -> Path | None:
    """Return the folder of an installed collection."""
    namespace, _, name = collection.partition(".")
    folders = (path / "ansible_collections" / namespace / name for path in paths)
    return next((folder for folder in folders if folder.is_dir()), None)


def _make_module(
    name: str, path: Path, search: ModuleSearch, collection: Path | None = None
) -> AnsibleModule:
    """Return a module, with the action plugin that a collection, play or role has for it."""
    short = path.name.removesuffix(".py")
    actions = [collection / "plugins" / "action"] if collection else []
    if collection is None and ansible_core.find_module_file(short) != path:
        actions = [folder / "action_plugins" for folder in search.folders]
    files = (folder / f"{short}.py" for folder in actions)
    action = next((file for file in files if file.is_file()), None)
    return AnsibleModule(name, path, search.folders, search.collections, action)


def explain_missing_module(word: str, search: ModuleSearch) -> str:
    """Return what the user can do about a missing module; empty if nothing is known."""
    parts = word.split(".")
    if not ansible_core.is_installed():
        what = "modules of ansible-core and of collections need ansible-core"
        return f"{what}: {ansible_core.INSTALL}"
    if len(parts) < 3 or ".".join(parts[:2]) in _BUILTIN:
        target = routing.split_redirect(routing.find_route("modules", parts[-1], None))
        parts = parts if target is None else [*target[0].split("."), target[1]]
    if len(parts) >= 3 and ".".join(parts[:2]) not in _BUILTIN:
        collection = ".".join(parts[:2])
        folder = find_collection_folder(collection, search.collections)
        if folder is None:
            how = f"ansible-galaxy collection install {collection}"
            return f"{NOT_INSTALLED} {collection} is not installed: {how}"
        there = [path.stem for path in (folder / "plugins" / "modules").glob("*.py")]
        close = difflib.get_close_matches(parts[-1], there, 1)
        return f"did you mean {collection}.{close[0]}?" if close else f"it is not in {folder}"
    return ""
