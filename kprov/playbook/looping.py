"""Loops: items of a task, and the variables each of them is seen with."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kprov.playbook.model import Task
from kprov.playbook.scope import Scope
from kprov.playbook.templating import TemplatingError


@dataclass(frozen=True)
class Control:
    """`loop_control`, templated."""

    var: str = "item"
    index_var: str | None = None
    label: Any = None
    pause: float = 0.0
    extended: bool = False
    all_items: bool = True
    break_when: tuple[Any, ...] = ()

    @classmethod
    def of(cls, task: Task, scope: Scope) -> Control:
        """A task's."""
        given = task.keywords.get("loop_control")
        if not given:
            return _PLAIN
        value = scope.templar.value
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


_PLAIN = Control()


def is_looped(task: Task) -> bool:
    """Whether a task has a loop."""
    return any(key == "loop" or key.startswith("with_") for key in task.keywords)


def items(task: Task, scope: Scope) -> list[Any] | None:
    """What a task loops over; None when it does not."""
    for key, value in task.keywords.items():
        if key == "loop":
            found = scope.templar.value(value, scope, "loop")
            if not isinstance(found, list):
                raise TemplatingError(
                    f"The `loop` value must resolve to a 'list', not {type(found).__name__!r}: {value!r}"
                )
            return found
        if key.startswith("with_"):
            terms = scope.templar.value(value, scope, key)
            return _with(key[5:], terms, scope)
    return None


def scopes(control: Control, found: list[Any], scope: Scope) -> list[Scope]:
    """The variables that each item is seen with."""
    made = []
    for index, item in enumerate(found):
        extra: dict[str, Any] = {control.var: item, "ansible_loop_var": control.var}
        if control.index_var:
            extra.update({control.index_var: index, "ansible_index_var": control.index_var})
        if control.extended:
            extra["ansible_loop"] = _position(control, found, index)
        made.append(scope.above(extra))
    return made


def _position(control: Control, found: list[Any], index: int) -> dict[str, Any]:
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


def looks_back(task: Task) -> bool:
    """Whether items may depend on what an earlier one of the loop gave: then they go one by one."""
    name = task.keywords.get("register")
    if not name:
        return False
    seen = repr([task.args, task.keywords.get("when"), task.keywords.get("vars"), task.get("environment")])
    return re.search(rf"\b{re.escape(str(name))}\b", seen) is not None


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _with(name: str, terms: Any, scope: Scope) -> list[Any]:
    """Items of `with_NAME`."""
    values = terms if isinstance(terms, list) else [terms]
    if name == "flattened":
        return list(_flat(values))
    if name == "items":
        return [x for entry in values for x in (entry if isinstance(entry, list) else [entry])]
    if name == "list":
        return list(values)
    if name == "dict":
        mappings = [terms] if isinstance(terms, dict) else values
        return [{"key": key, "value": one} for mapping in mappings for key, one in mapping.items()]
    if name == "together":
        return [list(entry) for entry in itertools.zip_longest(*values)]
    if name in ("nested", "cartesian"):
        return [list(entry) for entry in itertools.product(*values)]
    if name == "indexed_items":
        flat = [x for entry in values for x in (entry if isinstance(entry, list) else [entry])]
        return [list(entry) for entry in enumerate(flat)]
    wanted = {"_kprov_lookup": name, "_kprov_terms": list(values)}
    found: list[Any] = scope.templar.value(
        "{{ query(_kprov_lookup, *_kprov_terms) }}", scope.above(wanted), f"with_{name}"
    )
    return found
