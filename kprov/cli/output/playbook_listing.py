"""Lists the hosts, tasks and tags of playbooks: --list-hosts, --list-tasks, --list-tags, --syntax-check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from kprov.playbook.running.engine import Engine


def print_listing(
    engine: Engine, playbooks: Sequence[Path], *, hosts: bool, tasks: bool, tags: bool, includes: bool = False
) -> None:
    """Print the listing. With `includes` also read files that plays include by a literal name.

    Only files are read. Mistakes that end a task only when it runs become warnings on standard error.
    Raises InputError for all other errors in the files.
    """
    from kprov.playbook.loading.play_checks import walk_tasks
    from kprov.playbook.running import task_selection

    for playbook in playbooks:
        typer.echo(f"playbook: {playbook}")
        plays = engine.list_plays(playbook, includes=includes)
        for text in dict.fromkeys(text for play, _ in plays for text in play.warnings):
            typer.echo(f"warning: {text}", err=True)
        for number, (play, members) in enumerate(plays, 1):
            all_tasks = [task for section in play.sections for task in walk_tasks(section)]
            selected = [task for task in all_tasks if task_selection.matches_tags(task.tags, engine.options)]
            tag_names = sorted({tag for task in all_tasks for tag in task.tags})
            tag_text = f"\tTAGS: [{', '.join(tag_names)}]" if tags or tasks else ""
            typer.echo(f"  play #{number} ({play.hosts}): {play.name}{tag_text}")
            if hosts:
                typer.echo(f"    hosts ({len(members)}):")
                for name in members:
                    typer.echo(f"      {name}")
            if tasks:
                typer.echo("    tasks:")
                for task in selected:
                    typer.echo(
                        f"      {task_selection.display_name(task)}\tTAGS: [{', '.join(sorted(task.tags))}]"
                    )
            if tags:
                typer.echo(f"      TASK TAGS: [{', '.join(tag_names)}]")
