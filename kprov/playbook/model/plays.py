"""A playbook after loading: plays, blocks, tasks, roles. Nothing in here is templated yet."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kprov.playbook.model.ansible_module import AnsibleModule
from kprov.playbook.model.search_paths import SearchPaths


@dataclass(eq=False)
class Role:
    """A role as one play uses it; `params` come from the play's entry or the include."""

    name: str
    path: Path
    defaults: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    dependencies: list[Role] = field(default_factory=list)
    #: What another use has to be alike in to be the same role, and whether that one runs once a host.
    key: tuple[str, ...] = ()
    once: bool = False

    def lineage(self) -> list[Role]:
        """Dependencies, depth first, and then the role."""
        return [one for dependency in self.dependencies for one in dependency.lineage()] + [self]


@dataclass(eq=False)
class Node:
    """What tasks, blocks and plays have in common: keywords, inherited from `parent`."""

    keywords: dict[str, Any]
    parent: Node | None = None
    role: Role | None = None
    file: str = ""
    line: int | None = None

    def chain(self) -> Iterator[Node]:
        """The node and those around it, innermost first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def get(self, keyword: str, default: Any = None) -> Any:
        """The nearest value of a keyword."""
        # Asked for a dozen keywords of every item of every task on every host.
        node: Node | None = self
        while node is not None:
            if keyword in node.keywords:
                return node.keywords[keyword]
            node = node.parent
        return default

    def collect_keyword(self, keyword: str) -> list[Any]:
        """All values of a keyword as one list, outermost first."""
        given = [node.keywords[keyword] for node in self.chain() if keyword in node.keywords]
        found: list[Any] = []
        for value in reversed(given):
            found += value if isinstance(value, list) else [] if value is None else [value]
        return found

    def merge_keyword(self, keyword: str) -> dict[str, Any]:
        """Mappings of a keyword, inner over outer; the play's own are left out (they stand lower)."""
        found: dict[str, Any] = {}
        for node in reversed(list(self.chain())):
            if node.parent is not None:
                found.update(node.keywords.get(keyword) or {})
        return found

    @property
    def tags(self) -> set[str]:
        """Tags of this node and those around it."""
        return {tag.strip() for value in self.collect_keyword("tags") for tag in str(value).split(",")}

    @functools.cached_property
    def folders(self) -> list[Path]:
        """Where Ansible looks for a task's files: its role, the roles around that, its file's folder."""
        roles = [node.role.path for node in self.chain() if node.role is not None]
        return list(dict.fromkeys([*roles, *([Path(self.file).absolute().parent] if self.file else [])]))

    @functools.cached_property
    def search_cache(self) -> dict[tuple[str, Path], tuple[Path, ...]]:
        """Folders for files of a kind, as they were worked out for the first item on the first host."""
        return {}

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(eq=False)
class Task(Node):
    """One task; `module` is the short name, `args` its arguments."""

    name: str = ""
    module: str = ""
    args: Any = None
    listen: list[str] = field(default_factory=list)
    #: The module as it is written.
    action: str = ""
    #: The file of a module that is written for Ansible; None for a module of kprov.
    ansible_module: AnsibleModule | None = None
    #: Made by the journal, once.
    digest: str = ""

    @property
    def has_loop(self) -> bool:
        return any(key == "loop" or key.startswith("with_") for key in self.keywords)

    def item_results(self, result: dict[str, Any]) -> list[dict[str, Any]]:
        """The results of the items of a loop; without a loop the only result."""
        return result["results"] if self.has_loop and "results" in result else [result]


@dataclass(eq=False)
class Block(Node):
    """Tasks with a rescue and an always."""

    #: Whether somebody wrote `block:`; others stand for an import or a role.
    written: bool = False
    tasks: list[Task | Block] = field(default_factory=list)
    rescue: list[Task | Block] = field(default_factory=list)
    always: list[Task | Block] = field(default_factory=list)
    #: Whether these are all tasks of `role`, with those of its dependencies.
    whole_role: bool = False


@dataclass(eq=False)
class Play(Node):
    """A play; its sections are in their order, handlers of roles before the play's own."""

    name: str = ""
    hosts: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    vars_files: list[Any] = field(default_factory=list)
    #: Roles whose variables the whole play sees, dependencies first; names of roles without dependencies.
    roles: list[Role] = field(default_factory=list)
    role_names: list[str] = field(default_factory=list)
    sections: list[list[Task | Block]] = field(default_factory=list)
    handlers: list[Task] = field(default_factory=list)
    directory: Path = Path()
    paths: SearchPaths = field(default_factory=SearchPaths)
