"""`kprov bundle`: build and list bundles of the components, and export all that hosts need."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Annotated

import typer

from kprov.bundle import store
from kprov.bundle.build import PYTHONS, build_bundle, list_bundles
from kprov.cli.options.output_files import check_writable
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.offline.distributions import DISTRIBUTIONS, find_distribution

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


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    distributions: Annotated[
        list[str] | None,
        typer.Option(
            "--distribution",
            help=f"Distribution of hosts: {', '.join(DISTRIBUTIONS)} (repeatable). [default: debian13]",
        ),
    ] = None,
    packages: Annotated[
        list[str] | None,
        typer.Option("--package", help="Another Debian package, with its dependencies (repeatable)."),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            help="Image for a registry on the hosts: an archive (docker or OCI), an OCI layout, "
            "NAME=FILE, or a name to pull (repeatable).",
        ),
    ] = None,
    arch: Annotated[
        str, typer.Option(help="Architecture of the hosts, as `uname -m` prints it.")
    ] = platform.machine(),
    sign: Annotated[
        Path | None,
        typer.Option(help="Private Ed25519 key that signs the export (ssh-keygen -t ed25519)."),
    ] = None,
    cache: Cache = store.DEFAULT,
) -> None:
    """Write one file with all that `kprov up --offline` needs for hosts without internet."""
    from kprov.offline.export import ExportRequest, write_export

    check_writable(file, field="FILE")
    names = list(dict.fromkeys(distributions or ["debian13"]))
    found_names = [find_distribution(name) for name in names]
    request = ExportRequest(found_names, arch, packages or [], images or [], sign)
    manifest = write_export(file, request, cache=cache, say=lambda text: typer.echo(text, err=True))
    size = file.stat().st_size / 2**20
    signed = "signed" if sign is not None else "not signed (--sign KEY)"
    about = f"kprov {manifest.kprov}, {arch}, {', '.join(manifest.distributions)}"
    typer.echo(f"{file}: {size:.0f} MiB, {about}, {signed}")
    for image in manifest.images.names if manifest.images else ():
        typer.echo(f"  {image}")


@app.command("list")
def list_all(output: FormatOption = Format.TABLE, cache: Cache = store.DEFAULT) -> None:
    """Show the bundles in the cache."""
    bundles = list_bundles(cache)
    if output is Format.JSON:
        documents = [
            {
                "digest": bundle.digest,
                "python": bundle.python,
                "arch": bundle.arch,
                "size": bundle.size,
                "path": str(bundle.path),
            }
            for bundle in bundles
        ]
        typer.echo(json.dumps(documents, indent=2))
        return
    rows = [
        (bundle.digest, bundle.python, bundle.arch, f"{bundle.size / 2**20:.0f} MiB", str(bundle.path))
        for bundle in bundles
    ]
    print_table(("DIGEST", "PYTHON", "ARCH", "SIZE", "PATH"), rows)
