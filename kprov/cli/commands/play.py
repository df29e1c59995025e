"""`kprov play`: run playbooks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.options.run_options import Inventories, RunArguments, add_options
from kprov.errors import InputError

ListHosts = Annotated[bool, typer.Option("--list-hosts", help="List the hosts of each play and exit.")]
ListTasks = Annotated[bool, typer.Option("--list-tasks", help="List the tasks that would run and exit.")]
ListTags = Annotated[bool, typer.Option("--list-tags", help="List the tags and exit.")]
SyntaxCheck = Annotated[bool, typer.Option("--syntax-check", help="Check the files for errors and exit.")]


@dataclass(frozen=True)
class PlayArguments(RunArguments):
    """Options of a playbook; the inventory may be left out for a check of its files."""

    inventory: Inventories = field(default_factory=list)


@add_options
def command(
    command_line: PlayArguments,
    playbook: Annotated[list[Path], typer.Argument(help="Playbook files, run in this order.")],
    list_hosts: ListHosts = False,
    list_tasks: ListTasks = False,
    list_tags: ListTags = False,
    syntax_check: SyntaxCheck = False,
) -> None:
    """Run playbooks, with the options of ansible-playbook."""
    from kprov.cli.output import playbook_listing, run_output
    from kprov.playbook.results import journal
    from kprov.playbook.running.engine import Engine
    from kprov.playbook.templating.code_cache import open_code_cache

    if not command_line.inventory:
        # As in Ansible, a check of files needs no hosts.
        if not (list_tasks or list_tags or syntax_check) or list_hosts:
            raise InputError("which hosts? -i names the inventory", field="--inventory")
        command_line = replace(command_line, inventory=["localhost,"])
    loaded = command_line.loaded()
    options = command_line.options(journal=journal.journal_folder(loaded))
    if list_hosts or list_tasks or list_tags or syntax_check:
        with Engine(loaded, options) as engine:
            listings = {"hosts": list_hosts, "tasks": list_tasks, "tags": list_tags}
            playbook_listing.print_listing(engine, playbook, **listings, includes=syntax_check)
        return
    with run_output.show_run(command_line) as watch:
        with Engine(loaded, options, watch.callbacks, open_code_cache()) as engine:
            result = engine.run(*playbook)
        watch.finish(result)
    raise typer.Exit(result.exit_code)
