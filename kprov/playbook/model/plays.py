"""A playbook after loading: plays, blocks, tasks, roles. Their templates are not rendered yet."""

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
    """A role in a play; `params` come from the entry in `roles` or from the include."""

    name: str
    path: Path
    defaults: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    dependencies: list[Role] = field(default_factory=list)
    #: Two uses with equal keys are the same role; `once` makes such a role run once on a host.
    key: tuple[str, ...] = ()
    once: bool = False
    #: The collection of the role; `name` has it too.
    collection: str = ""

    @property
    def short_name(self) -> str:
        """The name without the collection."""
        return self.name.removeprefix(f"{self.collection}.") if self.collection else self.name

    def lineage(self) -> list[Role]:
        """Return the dependencies, depth first, and then the role."""
        return [role for dependency in self.dependencies for role in dependency.lineage()] + [self]


@dataclass(eq=False)
class Node:
    """The base of tasks, blocks and plays: keywords, inherited from `parent`."""

    keywords: dict[str, Any]
    parent: Node | None = None
    role: Role | None = None
    file: str = ""
    line: int | None = None

    def chain(self) -> Iterator[Node]:
        """Yield the node and its parents, innermost first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return the innermost value of a keyword."""
        # Hot: called for a dozen keywords of each item of each task on each host.
        node: Node | None = self
        while node is not None:
            if keyword in node.keywords:
                return node.keywords[keyword]
            node = node.parent
        return default

    def collect_keyword(self, keyword: str) -> list[Any]:
        """Return all values of a keyword as one list, outermost first."""
        values = [node.keywords[keyword] for node in self.chain() if keyword in node.keywords]
        collected: list[Any] = []
        for value in reversed(values):
            collected += value if isinstance(value, list) else [] if value is None else [value]
        return collected

    def merge_keyword(self, keyword: str) -> dict[str, Any]:
        """Merge the mappings of a keyword, inner over outer, without the play's (its precedence is lower)."""
        merged: dict[str, Any] = {}
        for node in reversed(list(self.chain())):
            if node.parent is not None:
                merged.update(node.keywords.get(keyword) or {})
        return merged

    @property
    def tags(self) -> set[str]:
        """Tags of this node and those around it."""
        return {tag.strip() for value in self.collect_keyword("tags") for tag in str(value).split(",")}

    @functools.cached_property
    def folders(self) -> list[Path]:
        """The folders of a task's files, as in Ansible: its role, the outer roles, the folder of its file."""
        roles = [node.role.path for node in self.chain() if node.role is not None]
        return list(dict.fromkeys([*roles, *([Path(self.file).absolute().parent] if self.file else [])]))

    @functools.cached_property
    def folder_names(self) -> list[str]:
        """The paths of `folders`."""
        return [str(folder) for folder in self.folders]

    @functools.cached_property
    def search_cache(self) -> dict[tuple[str, Path], tuple[Path, ...]]:
        """The search folders by kind of file, computed once for all items and hosts."""
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
    #: The name of the module as the file has it.
    action: str = ""
    #: The file of a module that is written for Ansible; None for a module of kprov.
    ansible_module: AnsibleModule | None = None
    #: What is wrong with the module or its arguments. The task fails with it when it runs on a host.
    problem: str = ""
    #: The fingerprint of the journal, computed once.
    digest: str = ""

    @property
    def has_loop(self) -> bool:
        return any(key == "loop" or key.startswith("with_") for key in self.keywords)

    def item_results(self, result: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the results of the items of a loop; without a loop the only result."""
        return result["results"] if self.has_loop and "results" in result else [result]


@dataclass(eq=False)
class Block(Node):
    """Tasks with their rescue and always."""

    #: Whether the file has `block:`; other blocks hold the tasks of an import or role.
    written: bool = False
    tasks: list[Task | Block] = field(default_factory=list)
    rescue: list[Task | Block] = field(default_factory=list)
    always: list[Task | Block] = field(default_factory=list)
    #: Whether these are all tasks of `role`, with those of its dependencies.
    whole_role: bool = False


@dataclass(eq=False)
class Play(Node):
    """A play. Sections are in the order in which they run; handlers of roles come before the play's."""

    name: str = ""
    hosts: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    vars_files: list[Any] = field(default_factory=list)
    #: Roles whose variables the whole play sees, dependencies first; `role_names` has no dependencies.
    roles: list[Role] = field(default_factory=list)
    role_names: list[str] = field(default_factory=list)
    sections: list[list[Task | Block]] = field(default_factory=list)
    handlers: list[Task] = field(default_factory=list)
    directory: Path = Path()
    paths: SearchPaths = field(default_factory=SearchPaths)
    #: The variables of -e, for names that are rendered when files are read.
    extra_vars: dict[str, Any] = field(default_factory=dict)
    #: Mistakes that only matter when the task with them runs, and keywords without effect.
    warnings: list[str] = field(default_factory=list)
