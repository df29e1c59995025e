"""Options that every command with a playbook run has, as ansible-playbook names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kprov.errors import InputError

Inventory = Annotated[Path, typer.Option("-i", "--inventory", help="The inventory: a folder or a file.")]
Check = Annotated[bool, typer.Option("--check", "-C", help="Change nothing; say what would be changed.")]
Diff = Annotated[bool, typer.Option("--diff", "-D", help="Show what is changed in files.")]
Limit = Annotated[str | None, typer.Option("--limit", "-l", help="Only these hosts (a pattern).")]
Tags = Annotated[str, typer.Option("--tags", "-t", help="Only tasks with one of these tags.")]
SkipTags = Annotated[str, typer.Option("--skip-tags", help="Not tasks with one of these tags.")]
Forks = Annotated[int, typer.Option("--forks", "-f", min=1, help="Hosts at once.")]
StartAt = Annotated[str | None, typer.Option("--start-at-task", help="Begin at the task of this name.")]
ExtraVars = Annotated[list[str] | None, typer.Option("--extra-vars", "-e", help="key=value, JSON, or @FILE.")]
Report = Annotated[
    Path | None, typer.Option("--report", help="Write a JSON report of every task to this file.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show tasks that changed nothing, too.")]


def split(text: str) -> tuple[str, ...]:
    """Names of a comma list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def extra_vars(texts: list[str] | None) -> dict[str, Any]:
    """Variables of -e options, the later ones win. Raises InputError."""
    import json
    import shlex

    import yaml

    found: dict[str, Any] = {}
    for text in texts or []:
        if text.startswith("@"):
            path = Path(text[1:])
            try:
                loaded = yaml.safe_load(path.read_text())
            except (OSError, yaml.YAMLError) as error:
                raise InputError(str(error), file=path, field="--extra-vars") from None
        elif text.lstrip().startswith("{"):
            try:
                loaded = json.loads(text)
            except ValueError as error:
                raise InputError(str(error), field="--extra-vars") from None
        else:
            pairs = [word.partition("=") for word in shlex.split(text)]
            bad = next((key for key, equals, _ in pairs if not equals), None)
            if bad is not None:
                raise InputError(f"{bad!r} is not key=value", field="--extra-vars")
            loaded = {key: value for key, _, value in pairs}
        if not isinstance(loaded, dict):
            raise InputError("must be a mapping of variables", field="--extra-vars")
        found |= loaded
    return found
