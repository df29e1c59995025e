"""Templates in the names of imports and roles: rendered with the variables that are known without a host."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.playbook.model.plays import Node, Play
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError


@functools.cache
def _shared_templar() -> Templar:
    return Templar()


def render_playbook_name(
    name: str, directory: Path, extra_vars: Mapping[str, Any], variables: Mapping[str, Any], place: Node
) -> str:
    """Return the name in `import_playbook`, rendered with -e and the variables of the import."""
    layers = [Layer(_make_magic(directory), raw=True), Layer(extra_vars), Layer(variables)]
    return _render(name, layers, place)


def render_name(name: str, node: Node, play: Play) -> str:
    """Return the name in an import or of a role, rendered with what is known when files are read.

    These are -e and the variables of the play, of roles, of blocks and of the node, as in Ansible.
    """
    if "{{" not in name:
        return name
    magic = _make_magic(play.directory)
    if node.role is not None:
        magic.update(role_path=str(node.role.path), role_name=node.role.short_name)
    own = [] if node.role is None else node.role.lineage()
    layers = [
        Layer(magic, raw=True),
        Layer(play.extra_vars),
        *(Layer(role.params) for role in reversed(own)),
        Layer(node.merge_keyword("vars")),
        *(Layer(role.variables) for role in reversed([*play.roles, *own])),
        Layer(play.variables),
        *(Layer(role.defaults) for role in reversed([*play.roles, *own])),
    ]
    return _render(name, layers, node)


def _make_magic(directory: Path) -> dict[str, Any]:
    return {"playbook_dir": str(directory)}


def _render(name: str, layers: list[Layer], place: Node) -> str:
    templar = _shared_templar()
    try:
        return str(templar.render(name, Scope(templar, layers)))
    except TemplatingError as error:
        raise InputError(
            f"the name {name!r} needs variables that are known when files are read, such as those of -e "
            f"and of the play, not those of hosts: {error.reason or error}",
            file=place.file,
            line=place.line,
        ) from None
