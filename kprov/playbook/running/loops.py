"""Loops: the items of a task, and the variables of each item."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kprov.playbook.model.plays import Task
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError


@dataclass(frozen=True)
class LoopControl:
    """The keyword `loop_control`, rendered."""

    var: str = "item"
    index_var: str | None = None
    label: Any = None
    pause: float = 0.0
    extended: bool = False
    all_items: bool = True
    break_when: tuple[Any, ...] = ()

    @classmethod
    def from_task(cls, task: Task, scope: Scope) -> LoopControl:
        """Render the loop_control of a task."""
        given = task.keywords.get("loop_control")
        if not given:
            return _PLAIN
        value = scope.templar.render
        stop = given.get("break_when") or []
        return cls(
            str(value(given.get("loop_var", "item"), scope, "loop_var")),
            value(given.get("index_var"), scope, "index_var"),
            given.get("label"),
            float(value(given.get("pause", 0), scope, "pause") or 0),
            bool(value(given.get("extended", False), scope, "extended")),
            bool(value(given.get("extended_allitems", True), scope, "extended_allitems")),
            tuple(stop) if isinstance(stop, list) else (stop,),
        )


_PLAIN = LoopControl()


def find_items(task: Task, scope: Scope) -> list[Any] | None:
    """Return the items of a task's loop; None for a task without a loop."""
    for key, value in task.keywords.items():
        if key == "loop":
            found = scope.templar.render(value, scope, "loop")
            if not isinstance(found, list):
                raise TemplatingError(
                    f"The `loop` value must resolve to a 'list', not {type(found).__name__!r}: {value!r}"
                )
            return found
        if key.startswith("with_"):
            kind = {"template": "templates", "include_vars": "vars"}.get(task.module, "files")
            return scope.templar.find_loop_items(key[5:], value, scope, kind)
    return None


def make_item_scopes(control: LoopControl, found: list[Any], scope: Scope) -> list[Scope]:
    """Return the scope of each item."""
    made = []
    for index, item in enumerate(found):
        extra: dict[str, Any] = {control.var: item, "ansible_loop_var": control.var}
        if control.index_var:
            extra.update({control.index_var: index, "ansible_index_var": control.index_var})
        if control.extended:
            extra["ansible_loop"] = _make_loop_variable(control, found, index)
        made.append(scope.extend(extra))
    return made


def _make_loop_variable(control: LoopControl, found: list[Any], index: int) -> dict[str, Any]:
    position: dict[str, Any] = {
        "index": index + 1,
        "index0": index,
        "first": index == 0,
        "last": index == len(found) - 1,
        "length": len(found),
        "revindex": len(found) - index,
        "revindex0": len(found) - index - 1,
    }
    if control.all_items:
        position["allitems"] = found
    if index + 1 < len(found):
        position["nextitem"] = found[index + 1]
    if index:
        position["previtem"] = found[index - 1]
    return position


def combine_results(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of a loop from the results of its items."""
    if not results:
        reason = "No items in the list"
        return {"changed": False, "skipped": True, "skipped_reason": reason, "results": []}
    found: dict[str, Any] = {
        "results": results,
        "changed": any(one.get("changed") for one in results),
        "msg": "All items completed",
        "skipped": False,
    }
    if all(one.get("skipped") for one in results):
        found.update(skipped=True, msg="All items skipped")
    if any(one.get("failed") for one in results):
        found.update(failed=True, msg="One or more items failed")
    return found


def uses_own_results(task: Task) -> bool:
    """Whether items may use the registered result of an earlier item; they must run one by one then."""
    name = task.keywords.get("register")
    if not name:
        return False
    seen = repr([task.args, task.keywords.get("when"), task.keywords.get("vars"), task.get("environment")])
    return re.search(rf"\b{re.escape(str(name))}\b", seen) is not None
