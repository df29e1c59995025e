"""`kprov version`: show the versions of kprov and its components, and the lock files."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import Any

import typer

from kprov.cli.output.tables import Format, FormatOption


def command(output: FormatOption = Format.TABLE) -> None:
    """Show the versions of kprov, its components and Python, and the digests of the lock files."""
    document = version_document()
    if output is Format.JSON:
        typer.echo(json.dumps(document, indent=2))
        return
    components = document["components"]
    source = ", ".join(text for text in (components["commit"][:12], components["tree_state"]) if text)
    lines = [
        ("kprov", document["kprov"]),
        ("components", components["version"] + (f" ({source})" if source else "")),
        ("Python", document["python"]),
        *((f"lock {name}", digest) for name, digest in document["locks"].items()),
    ]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        typer.echo(f"{name.ljust(width)}   {text}")


def version_document() -> dict[str, Any]:
    """Return the versions and lock files for `-o json`: kprov, components, python, locks.

    `locks` has the SHA-256 of each lock file of the bundle. The same lock files give the same bundle.
    """
    from kprov.bundle import image_packages, lock, sources

    return {
        "kprov": version("kprov"),
        "components": {"version": sources.read_components_version(), **json.loads(sources.read_build_info())},
        "python": platform.python_version(),
        "locks": {path.name: sources.file_digest(path) for path in (lock.LOCK, image_packages.LOCK)},
    }
