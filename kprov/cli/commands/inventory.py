"""`kprov inventory`: show an inventory, and the effect of its variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kprov.cli.options.operator_paths import read_source
from kprov.cli.options.run_options import ExtraVars, read_extra_vars
from kprov.cli.options.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords
from kprov.cli.output.tables import Format, FormatOption, console, print_table
from kprov.errors import InputError
from kprov.inventory import host_patterns
from kprov.inventory.cluster import variable_effects
from kprov.inventory.cluster.variable_effects import Finding
from kprov.inventory.export import Export
from kprov.inventory.model import Inventory
from kprov.inventory.sources.load import load_inventory
from kprov.inventory.yaml_dump import dump_yaml

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show and check inventories.")

Sources = Annotated[
    list[str],
    typer.Option(
        "--inventory",
        "-i",
        help="Inventory: a folder, a file, or a list of hosts such as a,b or a, (repeatable).",
        parser=read_source,
        metavar="<str>",
    ),
]
PlaybookDir = Annotated[
    Path | None,
    typer.Option("--playbook-dir", help="Folder of playbooks with more group_vars and host_vars."),
]
Limit = Annotated[
    str | None, typer.Option("--limit", "-l", help="Limit the command to these hosts: a pattern, or @FILE.")
]


def _load_inventory(
    sources: list[str], ids: list[str] | None, files: list[Path] | None, ask: bool, *beside: Path | None
) -> Export:
    use_passwords(ids, files, ask=ask)
    return Export(load_inventory(sources), [path for path in beside if path is not None])


def _to_json(value: object) -> object:
    """Return a value that JSON has for one that only YAML has: !!set and !!binary."""
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


@app.command("list")
def list_all(
    inventory: Sources,
    playbook_dir: PlaybookDir = None,
    limit: Limit = None,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", "-y", help="Print a YAML inventory instead of JSON.")
    ] = False,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Show groups and hosts with their variables as JSON, like ansible-inventory --list."""
    export = _load_inventory(inventory, vault_id, vault_password_file, ask_vault_pass, playbook_dir)
    host_patterns.check_limit(export.inventory, limit)
    left = (
        host_patterns.apply_limit(export.inventory, export.inventory.members("all"), limit) if limit else None
    )
    if as_yaml:
        typer.echo(dump_yaml(export.nested(left)), nl=False)
        return
    typer.echo(
        json.dumps(export.listing(left), indent=4, sort_keys=True, ensure_ascii=False, default=_to_json)
    )


@app.command()
def graph(
    inventory: Sources,
    group: Annotated[str, typer.Argument(help="The group to start at.")] = "all",
    variables: Annotated[bool, typer.Option("--vars", help="Also show variables.")] = False,
    playbook_dir: PlaybookDir = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Show groups and hosts as a tree, like ansible-inventory --graph."""
    export = _load_inventory(inventory, vault_id, vault_password_file, ask_vault_pass, playbook_dir)
    typer.echo("\n".join(export.graph(group, variables=variables)))


@app.command()
def host(
    name: Annotated[str, typer.Argument(help="Name of the host.")],
    inventory: Sources,
    playbook_dir: PlaybookDir = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Show the variables of one host as JSON, like ansible-inventory --host."""
    export = _load_inventory(inventory, vault_id, vault_password_file, ask_vault_pass, playbook_dir)
    typer.echo(json.dumps(export.host(name), indent=4, sort_keys=True, ensure_ascii=False, default=_to_json))


@app.command()
def check(
    inventory: Sources,
    output: FormatOption = Format.TABLE,
    extra_vars: ExtraVars = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Show what each variable does and where it is set.

    The exit code is 2 if `kprov up` would reject the inventory.
    """
    from kprov.content.locations import CONTENT

    use_passwords(vault_id, vault_password_file, ask=ask_vault_pass)
    variables = read_extra_vars(extra_vars)
    loaded = load_inventory(inventory)
    loaded.extra_vars = variables
    findings = variable_effects.find_effects(loaded, CONTENT)
    problems = _find_problems(loaded, variables)
    if output is Format.JSON:
        rows = [{**vars(finding), "effect": finding.effect.value} for finding in findings]
        typer.echo(json.dumps({"variables": rows, "problems": problems}, indent=2))
    else:
        print_table(("VARIABLE", "EFFECT", "WHAT", "WHERE"), [_finding_row(finding) for finding in findings])
        for problem in problems:
            console.print(f"error: {problem}", markup=False)
        if not problems:
            console.print(f"The inventory {', '.join(inventory)} is valid for `kprov up`", markup=False)
    raise typer.Exit(2 if problems else 0)


@app.command()
def schema(
    variables: Annotated[
        bool,
        typer.Option("--variables", help="Of files in group_vars and host_vars instead of hosts.yml."),
    ] = False,
) -> None:
    """Print the JSON Schema of hosts.yml, with which editors complete and check it."""
    from kprov.inventory.cluster import schema as schemas

    document = schemas.make_variables_schema() if variables else schemas.make_hosts_schema()
    typer.echo(schemas.render_schema(document), nl=False)


def _finding_row(finding: Finding) -> tuple[str, str, str, str]:
    place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
    return finding.name, finding.effect.value, finding.text, place


def _find_problems(loaded: Inventory, variables: dict[str, Any]) -> list[str]:
    """Return what `kprov up` would reject, with rendered templates and hooks."""
    from kprov.inventory.cluster import validation
    from kprov.operations.cluster import Cluster
    from kprov.operations.hooks import read_hook_files
    from kprov.operations.operation import OPERATIONS
    from kprov.operations.preparation import make_pki_request
    from kprov.playbook.results.run_result import RunOptions
    from kprov.playbook.running.engine import Engine

    problems = []
    try:
        with Engine(loaded, RunOptions(extra_vars=variables)) as engine:
            make_pki_request(
                Cluster(engine, validation.validate(loaded, engine.host_variables, extra_vars=variables))
            )
    except InputError as error:
        problems += str(error).splitlines()
    try:
        read_hook_files(loaded.directory, OPERATIONS)
    except InputError as error:
        problems += str(error).splitlines()
    return problems
