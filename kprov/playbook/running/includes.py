"""include_tasks and include_role: read files while a play runs, for the hosts that include them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kprov.errors import InputError
from kprov.playbook.loading import play_loader, playbook_loader
from kprov.playbook.model.plays import Block, Play, Task
from kprov.playbook.running import loops, task_conditions
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError
from kprov.playbook.variables.include_variables import NO_VARIABLES, IncludeVariables

_ARGUMENTS_OF_INCLUDE = ("apply",)
#: Includes in each other. Files that include themselves, with a condition, need some.
_MAX_DEPTH = 50


@dataclass
class IncludedFile:
    """One file or role that some hosts include with the same arguments."""

    args: dict[str, Any]
    items: dict[str, Any]
    hosts: list[str] = field(default_factory=list)

    def to_result(self, task: Task) -> dict[str, Any]:
        """Return the fields of the include's result."""
        if task.module == "include_role":
            return {"include_args": self.args, "include_variables": dict(task.keywords.get("vars") or {})}
        rest = {name: value for name, value in self.args.items() if name not in ("file", "_raw_params")}
        return {"include": self.args.get("_raw_params") or self.args.get("file"), "include_args": rest}


def combine_results(results: list[task_conditions.Result]) -> task_conditions.Result:
    """Return the result of an include on one host; a loop has one entry for each item."""
    if results and "ansible_loop_var" not in results[0]:
        return results[0]
    return loops.combine_results(results)


class IncludeExpander:
    """The includes of one play, and the variables that each passes to its tasks."""

    def __init__(self, play: Play, scope: Callable[[Task, str], Scope]) -> None:
        self.play = play
        self._scope = scope
        self._variables: dict[tuple[int, str], IncludeVariables] = {}
        # Variables are keyed by the identity of a block, so the blocks must stay alive.
        self._blocks: list[Block] = []
        self._included: set[int] = set()

    def collect_variables(self, node: Any, host: str) -> IncludeVariables:
        """Return the variables that the includes around a node pass to it; inner includes win."""
        if not self._variables:
            return NO_VARIABLES
        variables = IncludeVariables()
        for ancestor in reversed(list(node.chain())):
            own = self._variables.get((id(ancestor), host))
            if own is not None:
                variables.items.update(own.items)
                variables.variables.update(own.variables)
        return variables

    def find_included(
        self, task: Task, hosts: list[str]
    ) -> tuple[list[IncludedFile], dict[str, str], dict[str, list[task_conditions.Result]]]:
        """Return the included files with their hosts, errors by host, and results of items by host."""
        files: dict[str, IncludedFile] = {}
        errors: dict[str, str] = {}
        results: dict[str, list[task_conditions.Result]] = {}
        for host in hosts:
            try:
                host_results: list[task_conditions.Result] = []
                for scope, items in self._expand_items(task, host):
                    skipped = task_conditions.check_when(task, scope)
                    if skipped is not None:
                        host_results.append({**skipped, **items})
                        continue
                    args = {
                        name: value if name == "apply" else scope.templar.render(value, scope, task.module)
                        for name, value in task.args.items()
                    }
                    included = files.setdefault(repr((args, items)), IncludedFile(args, items))
                    included.hosts.append(host)
                    host_results.append({**included.to_result(task), **items, "changed": False})
                results[host] = host_results
            except TemplatingError as error:
                errors[host] = f"{error} ({task.place})"
        return list(files.values()), errors, results

    def _expand_items(self, task: Task, host: str) -> list[tuple[Scope, dict[str, Any]]]:
        scope = self._scope(task, host)
        if not task.has_loop:
            return [(scope, {})]
        try:
            items = loops.find_items(task, scope) or []
        except TemplatingError:
            if task_conditions.check_when(task, scope):
                return [(scope, {})]
            raise
        control = loops.LoopControl.from_task(task, scope)
        scopes = loops.make_item_scopes(control, items, scope)
        return [(inner, dict(inner.layers[0].values)) for inner in scopes]

    def load_nodes(self, task: Task, included: IncludedFile) -> list[Task | Block]:
        """Load the tasks of an include, as children of a block that holds the variables of the include."""
        keywords = {key: value for key, value in task.keywords.items() if key in ("run_once", "delegate_to")}
        around = Block(
            {**keywords, **(task.args.get("apply") or {})}, task.parent, task.role, task.file, task.line
        )
        if task.module == "include_role":
            around.keywords["vars"] = {
                **(around.keywords.get("vars") or {}),
                **play_loader.parent_role_variables(task),
            }
        depth = 1 + sum(id(ancestor) in self._included for ancestor in around.chain())
        if depth > _MAX_DEPTH:
            text = f"includes are nested more than {_MAX_DEPTH} levels deep; a file may include itself"
            raise InputError(text, file=task.file, line=task.line)
        self._blocks.append(around)
        self._included.add(id(around))
        for host in included.hosts:
            self._variables[id(around), host] = IncludeVariables(
                included.items, dict(task.keywords.get("vars") or {})
            )
        if task.module == "include_role":
            return playbook_loader.load_included_role(included.args, self.play, around)
        name = str(included.args.get("file") or included.args.get("_raw_params") or "")
        return playbook_loader.load_included_tasks(play_loader.find_task_file(task, name), around)
