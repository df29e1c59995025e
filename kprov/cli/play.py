"""`kprov play`: any playbook on any inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.run_options import Given, takes_run

ListHosts = Annotated[bool, typer.Option("--list-hosts", help="Name the hosts of every play; do nothing.")]
ListTasks = Annotated[bool, typer.Option("--list-tasks", help="Name the tasks that would run; do nothing.")]
ListTags = Annotated[bool, typer.Option("--list-tags", help="Name the tags there are; do nothing.")]
SyntaxCheck = Annotated[bool, typer.Option("--syntax-check", help="Look for mistakes in the files only.")]


@takes_run
def command(
    given: Given,
    playbook: Annotated[list[Path], typer.Argument(help="Playbooks, one after the other.")],
    list_hosts: ListHosts = False,
    list_tasks: ListTasks = False,
    list_tags: ListTags = False,
    syntax_check: SyntaxCheck = False,
) -> None:
    """Run playbooks, as ansible-playbook would."""
    from kprov.cli import listing, running
    from kprov.playbook import journal
    from kprov.playbook.engine import Engine

    loaded = given.loaded()
    options = given.options(journal=journal.folder(loaded))
    if list_hosts or list_tasks or list_tags or syntax_check:
        with Engine(loaded, options) as engine:
            shown = {"hosts": list_hosts, "tasks": list_tasks, "tags": list_tags}
            listing.show(engine, playbook, **shown, includes=syntax_check)
        return
    with running.watched(given) as watch:
        with Engine(loaded, options, watch.callbacks) as engine:
            result = engine.run(*playbook)
        watch.finish(result)
    raise typer.Exit(result.exit_code)
