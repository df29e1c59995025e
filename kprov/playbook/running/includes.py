"""include_tasks and include_role: files that are read while a play runs, for the hosts that want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kprov.playbook.loading import playbook_loader
from kprov.playbook.model.plays import Block, Play, Task
from kprov.playbook.running import loops, task_conditions
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError
from kprov.playbook.variables.include_variables import NOTHING, Given

_ARGUMENTS_OF_INCLUDE = ("apply",)


@dataclass
class Included:
    """One file or role that some hosts include with the same arguments."""

    args: dict[str, Any]
    items: dict[str, Any]
    hosts: list[str] = field(default_factory=list)

    def shown(self, task: Task) -> dict[str, Any]:
        """What the result of the include says."""
        if task.module == "include_role":
            return {"include_args": self.args, "include_variables": dict(task.keywords.get("vars") or {})}
        rest = {name: value for name, value in self.args.items() if name not in ("file", "_raw_params")}
        return {"include": self.args.get("_raw_params") or self.args.get("file"), "include_args": rest}


def result(results: list[task_conditions.Result]) -> task_conditions.Result:
    """What an include says on one host: of a loop, an entry an item."""
    if results and "ansible_loop_var" not in results[0]:
        return results[0]
    return loops.whole(results)


class Includes:
    """Includes of one play. What an include gives is kept by the block that stands for it."""

    def __init__(self, play: Play, scope: Callable[[Task, str], Scope]) -> None:
        self.play = play
        self._scope = scope
        self._given: dict[tuple[int, str], Given] = {}
        # Blocks are known by their identity, so they must live as long as what they give.
        self._blocks: list[Block] = []

    def given(self, node: Any, host: str) -> Given:
        """What includes around a node give it on a host, the inner ones win."""
        if not self._given:
            return NOTHING
        found = Given()
        for one in reversed(list(node.chain())):
            own = self._given.get((id(one), host))
            if own is not None:
                found.items.update(own.items)
                found.variables.update(own.variables)
        return found

    def wanted(
        self, task: Task, hosts: list[str]
    ) -> tuple[list[Included], dict[str, str], dict[str, list[task_conditions.Result]]]:
        """What hosts include, errors by host, and what is said of each item on the other hosts."""
        found: dict[str, Included] = {}
        errors: dict[str, str] = {}
        told: dict[str, list[task_conditions.Result]] = {}
        for host in hosts:
            try:
                said: list[task_conditions.Result] = []
                for scope, items in self._items(task, host):
                    left_out = task_conditions.skipped(task, scope)
                    if left_out is not None:
                        said.append({**left_out, **items})
                        continue
                    args = {
                        name: value if name == "apply" else scope.templar.value(value, scope, task.module)
                        for name, value in task.args.items()
                    }
                    included = found.setdefault(repr((args, items)), Included(args, items))
                    included.hosts.append(host)
                    said.append({**included.shown(task), **items, "changed": False})
                told[host] = said
            except TemplatingError as error:
                errors[host] = f"{error} ({task.place})"
        return list(found.values()), errors, told

    def _items(self, task: Task, host: str) -> list[tuple[Scope, dict[str, Any]]]:
        scope = self._scope(task, host)
        if not task.has_loop:
            return [(scope, {})]
        try:
            found = loops.items(task, scope) or []
        except TemplatingError:
            if task_conditions.skipped(task, scope):
                return [(scope, {})]
            raise
        control = loops.Control.of(task, scope)
        scopes = loops.scopes(control, found, scope)
        return [(inner, dict(inner.layers[0].values)) for inner in scopes]

    def nodes(self, task: Task, included: Included) -> list[Task | Block]:
        """The tasks of an include, as children of a block that gives them its variables."""
        keywords = {key: value for key, value in task.keywords.items() if key in ("run_once", "delegate_to")}
        around = Block(
            {**keywords, **(task.args.get("apply") or {})}, task.parent, task.role, task.file, task.line
        )
        if task.module == "include_role":
            around.keywords["vars"] = {
                **(around.keywords.get("vars") or {}),
                **playbook_loader.parent_roles(task),
            }
        self._blocks.append(around)
        for host in included.hosts:
            self._given[id(around), host] = Given(included.items, dict(task.keywords.get("vars") or {}))
        if task.module == "include_role":
            return playbook_loader.include_role(included.args, self.play, around)
        name = str(included.args.get("file") or included.args.get("_raw_params") or "")
        return playbook_loader.include_tasks(playbook_loader.task_file(task, name), around)
