"""`kprov reset`: hosts back to bare."""

from __future__ import annotations

from typing import Annotated

import typer

from kprov.cli import run_options as given
from kprov.cli.output import console, table
from kprov.cli.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords


def command(
    inventory: given.Inventory,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    check: given.Check = False,
    limit: given.Limit = None,
    forks: given.Forks = 20,
    verbose: given.Verbose = 0,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Stop the cluster and remove it from its hosts, with all data. The operator's keys stay."""
    from kprov.cli.progress import Progress
    from kprov.operations import reset
    from kprov.playbook.result import RunOptions

    use_passwords(vault_id, vault_password_file, ask=ask_vault_pass)
    names = reset.hosts(inventory)
    if not yes and not check:
        typer.confirm(f"Remove the cluster and all its data from {', '.join(names)}?", abort=True)
    options = RunOptions(check=check, limit=limit, forks=forks)
    result = reset.reset(inventory, options, Progress(verbose=verbose))
    console.print()
    table(
        ("HOST", "OK", "CHANGED", "FAILED"),
        [(n, str(s.ok), str(s.changed), str(s.failed + s.unreachable)) for n, s in result.hosts.items()],
    )
    if not result.ok:
        raise typer.Exit(result.exit_code)
    console.print(f"Reset in {result.seconds:.1f} s")
