"""include_tasks and include_role: files that are read while a play runs, for the hosts that want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kprov.playbook import load, looping, outcome
from kprov.playbook.model import Block, Play, Task
from kprov.playbook.scope import Scope
from kprov.playbook.templating import TemplatingError

_ARGUMENTS_OF_INCLUDE = ("apply",)


@dataclass
class Included:
    """One file or role that some hosts include with the same arguments."""

    args: dict[str, Any]
    variables: dict[str, Any]
    hosts: list[str] = field(default_factory=list)


class Includes:
    """Includes of one play. The variables of an include are kept by the block that stands for it."""

    def __init__(self, play: Play, scope: Callable[[Task, str], Scope]) -> None:
        self.play = play
        self._scope = scope
        self._variables: dict[tuple[int, str], dict[str, Any]] = {}
        # Blocks are known by their identity, so they must live as long as their variables.
        self._blocks: list[Block] = []

    def variables(self, node: Any, host: str) -> dict[str, Any]:
        """Variables that includes around a node give it on a host."""
        if not self._variables:
            return {}
        found: dict[str, Any] = {}
        for one in reversed(list(node.chain())):
            found.update(self._variables.get((id(one), host), {}))
        return found

    def wanted(self, task: Task, hosts: list[str]) -> tuple[list[Included], dict[str, str], list[str]]:
        """What hosts include, errors by host, and hosts whose conditions are not met."""
        found: dict[str, Included] = {}
        errors: dict[str, str] = {}
        skipped: list[str] = []
        for host in hosts:
            try:
                before = len(found), sum(len(one.hosts) for one in found.values())
                for scope, extra in self._items(task, host):
                    if outcome.skipped(task, scope):
                        continue
                    args = {
                        name: scope.templar.value(value, scope, task.module)
                        for name, value in task.args.items()
                        if name not in _ARGUMENTS_OF_INCLUDE
                    }
                    own = {}
                    if extra:
                        given = task.keywords.get("vars") or {}
                        own = {name: scope.templar.value(one, scope, name) for name, one in given.items()}
                    key = repr((args, extra, own))
                    found.setdefault(key, Included(args, {**extra, **own})).hosts.append(host)
                if before == (len(found), sum(len(one.hosts) for one in found.values())):
                    skipped.append(host)
            except TemplatingError as error:
                errors[host] = f"{error} ({task.place})"
        return list(found.values()), errors, skipped

    def _items(self, task: Task, host: str) -> list[tuple[Scope, dict[str, Any]]]:
        scope = self._scope(task, host)
        if not looping.is_looped(task):
            return [(scope, {})]
        try:
            found = looping.items(task, scope) or []
        except TemplatingError:
            if outcome.skipped(task, scope):
                return []
            raise
        control = looping.Control.of(task, scope)
        scopes = looping.scopes(control, found, scope)
        extras = [dict(inner.layers[0].values) for inner in scopes]
        return list(zip(scopes, extras, strict=True))

    def nodes(self, task: Task, included: Included) -> list[Task | Block]:
        """The tasks of an include, as children of a block that has its variables."""
        keywords = {
            key: value
            for key, value in task.keywords.items()
            if key in ("vars", "run_once", "delegate_to") and not (key == "vars" and included.variables)
        }
        around = Block(
            {**keywords, **(task.args.get("apply") or {})}, task.parent, task.role, task.file, task.line
        )
        self._blocks.append(around)
        for host in included.hosts:
            self._variables[id(around), host] = included.variables
        if task.module == "include_role":
            return load.include_role(included.args, self.play, around)
        name = str(included.args.get("file") or included.args.get("_raw_params") or "")
        return load.include_tasks(load.task_file(task, name), around)
