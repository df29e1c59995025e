"""Redirections and removals of plugins: ansible-core's own, and those of collections' meta/runtime.yml."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import yaml

from kprov.inventory import yaml_file

#: Names without a collection, and those of ansible.builtin, have the routing of ansible-core.
BUILTIN = ("ansible.builtin", "ansible.legacy")
Route = dict[str, Any]


def find_route(kind: str, name: str, folder: Path | None) -> Route:
    """Return the redirect or tombstone of a plugin, or an empty mapping.

    `kind` is "modules", "action", "filter", "test" or "lookup"; `folder` is the collection's, None for
    ansible.builtin.
    """
    runtime = _read_builtin_runtime() if folder is None else _read_collection_runtime(folder)
    routing = _take_mapping(runtime, "plugin_routing")
    kinds = routing.get(kind)
    route = kinds.get(name) if isinstance(kinds, dict) else None
    return route if isinstance(route, dict) else {}


def split_redirect(route: Route) -> tuple[str, str] | None:
    """Return the collection and name that a route redirects to; None without a redirect."""
    parts = str(route.get("redirect") or "").split(".", 2)
    return None if len(parts) < 3 else (f"{parts[0]}.{parts[1]}", parts[2])


def find_action_group(name: str, folder: Path) -> list[Any]:
    """Return the entries of an action group of a collection; empty if it has none of this name."""
    entries = _take_mapping(_read_collection_runtime(folder), "action_groups").get(name)
    return entries if isinstance(entries, list) else []


@functools.cache
def _read_builtin_runtime() -> dict[str, Any]:
    """Return the runtime file of ansible-core; empty where it is not installed."""
    spec = importlib.util.find_spec("ansible")
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    files = (Path(folder) / "config" / "ansible_builtin_runtime.yml" for folder in folders)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return {}
    # The file is ansible-core's own and long: kprov's loader, which keeps lines, would take seconds.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return _take_document(yaml.load(file.read_bytes(), loader))  # noqa: S506  both loaders are safe ones


@functools.cache
def _read_collection_runtime(folder: Path) -> dict[str, Any]:
    file = folder / "meta" / "runtime.yml"
    return _take_document(yaml_file.load_yaml(file)) if file.is_file() else {}


def _take_document(document: Any) -> dict[str, Any]:
    return document if isinstance(document, dict) else {}


def _take_mapping(document: dict[str, Any], key: str) -> dict[str, Any]:
    mapping = document.get(key)
    return mapping if isinstance(mapping, dict) else {}
