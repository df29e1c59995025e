"""`kprov bundle`: build and list bundles of the components."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Annotated

import typer

from kprov.bundle import store
from kprov.bundle.build import PYTHONS, build_bundle, list_bundles
from kprov.cli.output.tables import Format, FormatOption, print_table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Cache = Annotated[Path, typer.Option(help="Folder that holds the bundles.")]


@app.command("build")
def build(
    python: Annotated[str, typer.Option(help=f"Python version of the hosts: {', '.join(PYTHONS)}.")] = "3.13",
    arch: Annotated[
        str, typer.Option(help="Architecture of the hosts, as `uname -m` prints it.")
    ] = platform.machine(),
    cache: Cache = store.DEFAULT,
) -> None:
    """Build the bundle for a Python version and an architecture, unless it exists, and print its path."""
    bundle = build_bundle(python=python, arch=arch, cache=cache, say=lambda text: typer.echo(text, err=True))
    typer.echo(str(bundle.path))


@app.command("list")
def list_all(output: FormatOption = Format.TABLE, cache: Cache = store.DEFAULT) -> None:
    """Show the bundles in the cache."""
    bundles = list_bundles(cache)
    if output is Format.JSON:
        documents = [
            {
                "digest": one.digest,
                "python": one.python,
                "arch": one.arch,
                "size": one.size,
                "path": str(one.path),
            }
            for one in bundles
        ]
        typer.echo(json.dumps(documents, indent=2))
        return
    rows = [
        (one.digest, one.python, one.arch, f"{one.size / 2**20:.0f} MiB", str(one.path)) for one in bundles
    ]
    print_table(("DIGEST", "PYTHON", "ARCH", "SIZE", "PATH"), rows)
