"""Where a node of a play looks for modules and filters."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.playbook.model.plays import Node, Play
from kprov.playbook.model.search_paths import SearchPaths


@dataclass(frozen=True)
class ModuleSearch:
    """Where a task finds modules: folders of its roles (the innermost first) and its play, and collections.

    `named` are the collections of the keyword `collections`.
    """

    folders: tuple[Path, ...]
    paths: SearchPaths
    named: tuple[str, ...] = ()

    @property
    def collections(self) -> tuple[Path, ...]:
        """Folders that may have a folder ansible_collections."""
        folders = [*(folder / "collections" for folder in self.folders), *self.paths.collections]
        return tuple(dict.fromkeys([*folders, *(Path(path) for path in sys.path if path)]))


def make_module_search(node: Node, keywords: Any = None) -> ModuleSearch:
    """Where a node finds modules.

    `keywords` are those of a task below the node that does not exist yet.
    """
    chain = list(node.chain())
    play = next(ancestor for ancestor in chain if isinstance(ancestor, Play))
    roles = [ancestor.role.path for ancestor in chain if ancestor.role is not None]
    collections = (keywords or {}).get("collections")
    if collections is None:
        collections = node.get("collections")
    names = collections if isinstance(collections, list) else [collections] if collections else []
    own = [] if roles else find_own_collection(play.directory)
    named = tuple(dict.fromkeys([*own, *map(str, names)]))
    return ModuleSearch(tuple(dict.fromkeys([*roles, play.directory])), play.paths, named)


def find_own_collection(directory: Path) -> list[str]:
    """Return the collection that a folder is part of, as a list of one name; empty if it is of none.

    As in Ansible, a playbook of a collection finds its modules and roles by their short names.
    """
    parts = directory.absolute().parts
    positions = [index for index, part in enumerate(parts) if part == "ansible_collections"]
    names = parts[positions[-1] + 1 : positions[-1] + 3] if positions else ()
    return [".".join(names)] if len(names) == 2 else []
