"""Checks of a play before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kprov import suggestions
from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.playbook.model.plays import Block, Play, Task
from kprov.playbook.templating.undefined import type_name

#: Words of Jinja that cannot be names of variables.
_TEMPLATE_WORDS = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is")
)
METAS = (
    "noop",
    "flush_handlers",
    "end_play",
    "end_host",
    "end_batch",
    "end_role",
    "clear_facts",
    "clear_host_errors",
    "reset_connection",
    "refresh_inventory",
)


def walk_tasks(nodes: list[Task | Block]) -> Iterator[Task]:
    """Yield all tasks below nodes."""
    for node in nodes:
        if isinstance(node, Task):
            yield node
        else:
            for inner in (node.tasks, node.rescue, node.always):
                yield from walk_tasks(inner)


def list_handler_names(handler: Task) -> list[str]:
    """Return the names of a handler, without the topics that it listens to."""
    names = [handler.name] if handler.name else []
    if handler.role is not None and handler.name:
        for role in dict.fromkeys((handler.role.name, handler.role.short_name)):
            names += [f"{role} : {handler.name}", f"{role}:{handler.name}"]
    return names


def check_notifications(play: Play) -> None:
    """Raise InputError for a handler that does not exist. Plays with includes are not checked."""
    tasks = [task for section in play.sections for task in walk_tasks(section)]
    if any(task.module in ("include_role", "include_tasks") for task in [*tasks, *play.handlers]):
        return
    handler_names = {
        name for handler in play.handlers for name in (*list_handler_names(handler), *handler.listen)
    }
    if any("{{" in name for name in handler_names):
        return
    for task in tasks:
        for name in task.collect_keyword("notify"):
            if "{{" not in str(name) and name not in handler_names:
                hint = suggestions.hint(str(name), handler_names)
                raise InputError(
                    f"the handler {name!r} does not exist{hint}",
                    file=task.file,
                    line=task.line,
                    field="notify",
                )


def check_meta(task: Task) -> None:
    """Raise InputError for a meta task that is not supported."""
    word = str(task.args.get("_raw_params") or "")
    if word not in METAS:
        raise InputError(
            f"meta: {word!r} is not supported; use one of {', '.join(METAS)}", file=task.file, line=task.line
        )


#: Modules that wait on the operator's machine, with the argument that limits the time.
_WAITING = {"pause": "seconds", "reboot": "reboot_timeout", "wait_for_connection": "timeout"}


def check_timeout(task: Task) -> None:
    """Raise InputError for the keyword `timeout` on a task that it cannot end."""
    if task.module in _WAITING and task.get("timeout"):
        text = f"timeout has no effect on {task.module}; it has the argument {_WAITING[task.module]!r}"
        raise InputError(text, file=task.file, line=task.line)


def check_keyword_types(entry: Any, what: str, file: Path) -> None:
    """Raise InputError if `vars` or `loop_control` is not a mapping, or `notify` does not hold names."""
    for keyword, name in (("vars", f"vars of {_add_article(what)}"), ("loop_control", "loop_control")):
        if not isinstance(entry.get(keyword) or {}, dict):
            raise InputError(
                f"{name} must be a mapping, not a {type_name(entry[keyword])}",
                file=file,
                line=yaml_file.line_of(entry, keyword),
                field=keyword,
            )
    for name in entry.get("vars") or {}:
        if not (isinstance(name, str) and _is_variable_name(name)):
            raise InputError(
                f"{name!r} is not a valid variable name; use letters, digits and underscores",
                file=file,
                line=yaml_file.line_of(entry["vars"], name),
                field="vars",
            )
    _check_names_of_results(entry, file)
    _check_module_defaults(entry, file)
    _check_texts(entry, file)
    notified = entry.get("notify")
    for name in notified if isinstance(notified, list) else [notified]:
        if isinstance(name, (dict, list)):
            raise InputError(
                f"notify must name handlers, not hold a {type_name(name)}",
                file=file,
                line=yaml_file.line_of(entry, "notify"),
                field="notify",
            )


def _check_module_defaults(entry: Any, file: Path) -> None:
    """Raise InputError unless `module_defaults` is a mapping, mappings, or a template."""
    defaults = entry.get("module_defaults")
    for mapping in defaults if isinstance(defaults, list) else [defaults]:
        if mapping is None or isinstance(mapping, dict) or "{{" in str(mapping):
            continue
        raise InputError(
            f"module_defaults must be a mapping of modules, not a {type_name(mapping)}",
            file=file,
            line=yaml_file.line_of(entry, "module_defaults"),
            field="module_defaults",
        )


def _check_texts(entry: Any, file: Path) -> None:
    """Raise InputError for values that must be text but are not, and would be taken for a name."""
    target = entry.get("delegate_to")
    tags = entry.get("tags")
    for keyword, values in (("delegate_to", [target]), ("tags", tags if isinstance(tags, list) else [tags])):
        for value in values:
            if isinstance(value, (dict, list)):
                raise InputError(
                    f"{keyword} must be text, not hold a {type_name(value)}",
                    file=file,
                    line=yaml_file.line_of(entry, keyword),
                    field=keyword,
                )


def check_vars_files(entry: Any, file: Path) -> None:
    """Raise InputError for an entry of `vars_files` that is neither a name nor a list of names."""
    files = entry.get("vars_files")
    for item in files if isinstance(files, list) else [files]:
        for name in item if isinstance(item, list) else [item]:
            if name is not None and not isinstance(name, str):
                raise InputError(
                    f"vars_files must hold names of files, not a {type_name(name)}",
                    file=file,
                    line=yaml_file.line_of(entry, "vars_files"),
                    field="vars_files",
                )


def _check_names_of_results(entry: Any, file: Path) -> None:
    """Raise InputError for names of `register` and of `loop_control` that no template could use."""
    control = entry.get("loop_control") or {}
    for container, keyword in ((entry, "register"), (control, "loop_var"), (control, "index_var")):
        name = container.get(keyword)
        if name is None or (isinstance(name, str) and (_is_variable_name(name) or "{{" in name)):
            continue
        text = f"{name!r} is not a valid variable name; use letters, digits and underscores"
        raise InputError(text, file=file, line=yaml_file.line_of(container, keyword), field=keyword)


def _is_variable_name(name: str) -> bool:
    return name.isidentifier() and name.isascii() and name not in _TEMPLATE_WORDS


def _add_article(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
