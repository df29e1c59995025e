"""Checks how the groups of an inventory are nested: not in a loop, and not too deeply."""

from __future__ import annotations

from kprov.errors import InputError
from kprov.inventory.model import Inventory

#: Levels of groups in each other.
MAX_DEPTH = 100


def check_nesting(inventory: Inventory) -> None:
    """Raise InputError with the place of a group that contains itself, or that is nested too deeply."""
    finished: set[str] = set()
    for start in inventory.groups:
        above: list[str] = []
        waiting = [(start, False)]
        while waiting:
            name, are_children_done = waiting.pop()
            if are_children_done:
                above.pop()
                finished.add(name)
                continue
            if name in above:
                raise _error(
                    inventory, name, f"the groups are nested in a loop: {' > '.join([*above, name])}"
                )
            if name in finished:
                continue
            above.append(name)
            waiting.append((name, True))
            waiting += [(child, False) for child in reversed(inventory.groups[name].children)]
    _check_depth(inventory)


def _check_depth(inventory: Inventory) -> None:
    """Walk the levels of the groups: without a loop each walk ends."""
    level, depth = [name for name, group in inventory.groups.items() if not group.parents], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _error(inventory, level[0], f"groups are nested more than {MAX_DEPTH} levels deep")
        children = [child for name in level for child in inventory.groups[name].children]
        level = list(dict.fromkeys(children))


def _error(inventory: Inventory, name: str, text: str) -> InputError:
    group = inventory.groups[name]
    return InputError(text, file=group.file, line=group.line, field=name)
