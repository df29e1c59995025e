"""Where a node of a play looks for modules and filters."""

from __future__ import annotations

from typing import Any

from kprov.playbook.ansible_modules.finder import Surroundings
from kprov.playbook.model.plays import Node, Play


def around(node: Node, keywords: Any = None) -> Surroundings:
    """Folders of the roles around a node and of its play, and the collections it names.

    `keywords` are those of a task below the node that is not made yet.
    """
    chain = list(node.chain())
    play = next(one for one in chain if isinstance(one, Play))
    roles = [one.role.path for one in chain if one.role is not None]
    named = (keywords or {}).get("collections")
    if named is None:
        named = node.get("collections")
    names = named if isinstance(named, list) else [named] if named else []
    return Surroundings(tuple(dict.fromkeys([*roles, play.directory])), play.paths, tuple(map(str, names)))
