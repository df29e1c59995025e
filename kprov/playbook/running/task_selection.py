"""Select the tasks that run: --tags, --skip-tags, --start-at-task."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable

from kprov import suggestions
from kprov.playbook.loading.play_checks import walk_tasks
from kprov.playbook.model.plays import Play, Task
from kprov.playbook.results.run_result import RunOptions
from kprov.playbook.running.run_state import RunState

#: Tags with a special meaning.
SPECIAL = ("all", "always", "never", "tagged", "untagged")


def display_name(task: Task) -> str:
    """Return the name of a task with the name of its role."""
    name = task.name or task.module
    return f"{task.role.name} : {name}" if task.role else name


def collect_tags(plays: Iterable[Play]) -> set[str]:
    """Return the tags of all tasks; tags of files that are included during the run are not known."""
    tasks = (task for play in plays for section in play.sections for task in walk_tasks(section))
    return {tag for task in tasks for tag in task.tags}


def find_unknown_tags(options: RunOptions, defined_tags: Collection[str]) -> list[str]:
    """Return a message for each tag of --tags and --skip-tags that is unknown."""
    return [
        f"{option}: no task has the tag {tag!r}{suggestions.hint(tag, defined_tags)}"
        for option, tags in (("--tags", options.tags), ("--skip-tags", options.skip_tags))
        for tag in tags
        if tag not in defined_tags and tag not in SPECIAL
    ]


def matches_tags(tags: set[str], options: RunOptions) -> bool:
    """Whether --tags and --skip-tags let a task with these tags run, by Ansible's rules."""
    selected, skipped = set(options.tags or ("all",)), set(options.skip_tags)
    run = (
        "always" in tags
        or ("all" in selected and "never" not in tags)
        or bool(tags & (selected - {"all"}))
        or ("tagged" in selected and bool(tags) and "never" not in tags)
        or ("untagged" in selected and not tags)
    )
    if run and skipped:
        if "all" in skipped:
            return "always" in tags and "always" not in skipped
        if tags & skipped or ("tagged" in skipped and tags) or ("untagged" in skipped and not tags):
            return False
    return run


def is_selected(task: Task, state: RunState) -> bool:
    """Whether the options select a task, regardless of hosts and conditions."""
    if not state.started:
        start_name = state.options.start_at_task or ""
        if not any(
            fnmatch.fnmatch(name, start_name) or name == start_name
            for name in (task.name, display_name(task))
        ):
            return False
        state.started = True
    state.tags |= task.tags
    return task.module == "meta" or matches_tags(task.tags, state.options)
