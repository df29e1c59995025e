"""`action: "{{ name }}"`: the module of such a task is known only when an item runs on a host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.playbook.ansible_modules.search import make_module_search
from kprov.playbook.loading import arguments, keyword_checks, module_names, play_checks
from kprov.playbook.model.plays import Task
from kprov.playbook.templating.scope import Scope

#: Keys of `args` until the module is known: the text or mapping after the name, and `args:`.
VALUE, MORE = "_action_value", "_action_args"
#: Actions that the engine must know before it can render the name of a module.
_STATIC = frozenset((*module_names.INCLUDES, "meta", "add_host", "pause"))


def is_templated(task: Task) -> bool:
    """Whether the name of the task's module is a template."""
    return "{{" in task.module


def store_arguments(value: Any, more: Any) -> dict[str, Any]:
    """Return the arguments of a task whose module is not known yet."""
    return {VALUE: value, MORE: more}


def resolve_action(task: Task, scope: Scope) -> Task:
    """Return the task with its module and arguments; the same task if they are known. Raises InputError."""
    if not is_templated(task):
        return task
    name = scope.templar.render(task.module, scope, "action")
    module = module_names.short_name(str(name))
    file = Path(task.file)
    if module in _STATIC:
        text = f"the action {name!r} must be written as it is, not as a template"
        raise InputError(text, file=file, line=task.line, field="action")
    search = make_module_search(task)
    ansible_module = keyword_checks.find_ansible_module(str(name), search)
    if ansible_module is None and module not in module_names.known_modules():
        text = keyword_checks.explain_unsupported_module(str(name), set(), search)
        raise InputError(text, file=file, line=task.line, field="action")
    args = arguments.parse_arguments(module, task.args[VALUE], task.args[MORE], file, task.line)
    if ansible_module is None:
        arguments.check_arguments("action", module, args, file, task.line, {})
    resolved = replace(task, module=module, args=args, action=str(name), ansible_module=ansible_module)
    play_checks.check_timeout(resolved)
    return resolved
