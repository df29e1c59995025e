"""Loops: the items of a task, and the variables of each item."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kprov.playbook.model.plays import Task
from kprov.playbook.running import keyword_numbers
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
        keyword = task.keywords.get("loop_control")
        if not keyword:
            return _PLAIN
        value = scope.templar.render
        stop = keyword.get("break_when") or []
        return cls(
            str(value(keyword.get("loop_var", "item"), scope, "loop_var")),
            value(keyword.get("index_var"), scope, "index_var"),
            keyword.get("label"),
            keyword_numbers.render_seconds(task, scope, "pause", keyword.get("pause", 0)),
            bool(value(keyword.get("extended", False), scope, "extended")),
            bool(value(keyword.get("extended_allitems", True), scope, "extended_allitems")),
            tuple(stop) if isinstance(stop, list) else (stop,),
        )


_PLAIN = LoopControl()


def find_items(task: Task, scope: Scope) -> list[Any] | None:
    """Return the items of a task's loop; None for a task without a loop."""
    for key, value in task.keywords.items():
        if key == "loop":
            items = scope.templar.render(value, scope, "loop")
            if not isinstance(items, list):
                raise TemplatingError(
                    f"The `loop` value must resolve to a 'list', not {type(items).__name__!r}: {value!r}"
                )
            return items
        if key.startswith("with_"):
            kind = {"template": "templates", "include_vars": "vars"}.get(task.module, "files")
            return scope.templar.find_loop_items(key[5:], value, scope, kind)
    return None


def make_item_scopes(control: LoopControl, items: list[Any], scope: Scope) -> list[Scope]:
    """Return the scope of each item."""
    scopes = []
    for index, item in enumerate(items):
        extra: dict[str, Any] = {control.var: item, "ansible_loop_var": control.var}
        if control.index_var:
            extra.update({control.index_var: index, "ansible_index_var": control.index_var})
        if control.extended:
            extra["ansible_loop"] = _make_loop_variable(control, items, index)
        scopes.append(scope.extend(extra))
    return scopes


def _make_loop_variable(control: LoopControl, items: list[Any], index: int) -> dict[str, Any]:
    position: dict[str, Any] = {
        "index": index + 1,
        "index0": index,
        "first": index == 0,
        "last": index == len(items) - 1,
        "length": len(items),
        "revindex": len(items) - index,
        "revindex0": len(items) - index - 1,
    }
    if control.all_items:
        position["allitems"] = items
    if index + 1 < len(items):
        position["nextitem"] = items[index + 1]
    if index:
        position["previtem"] = items[index - 1]
    return position


def combine_results(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of a loop from the results of its items."""
    if not results:
        reason = "No items in the list"
        return {"changed": False, "skipped": True, "skipped_reason": reason, "results": []}
    combined: dict[str, Any] = {
        "results": results,
        "changed": any(item.get("changed") for item in results),
        "msg": "All items completed",
        "skipped": False,
    }
    if all(item.get("skipped") for item in results):
        combined.update(skipped=True, msg="All items skipped")
    if any(item.get("failed") for item in results):
        combined.update(failed=True, msg="One or more items failed")
    return combined


def uses_own_results(task: Task) -> bool:
    """Whether items may use the registered result of an earlier item; they must run one by one then."""
    name = task.keywords.get("register")
    if not name:
        return False
    seen = repr([task.args, task.keywords.get("when"), task.keywords.get("vars"), task.get("environment")])
    return re.search(rf"\b{re.escape(str(name))}\b", seen) is not None
