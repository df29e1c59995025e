"""Makes the paths of a command line absolute as soon as they are read.

A relative path names something else as soon as a program with another working directory gets it: a playbook
whose role looks below its own folder, `kprov resume` with the arguments in a journal, a child process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand
from typer.models import TyperPath

#: Standard input or output in the place of a file.
_STANDARD = Path("-")


class AbsolutePathsCommand(TyperCommand):
    """A command whose arguments and options of the type Path are absolute. Links are not followed."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command with absolute paths."""
        for parameter in self.params:
            if isinstance(parameter.type, TyperPath):
                ctx.params[str(parameter.name)] = make_absolute(ctx.params[str(parameter.name)])
        return super().invoke(ctx)


def make_absolute(value: Any) -> Any:
    """Return a path, or the paths of a list, as absolute ones; None and `-` as they are."""
    if isinstance(value, (list, tuple)):
        return [make_absolute(part) for part in value]
    return value if value is None or Path(value) == _STANDARD else Path(value).absolute()


def read_source(text: str) -> str:
    """Return an inventory of -i with an absolute path, but a list of hosts (`a,b` or `a,`) as it is."""
    return text if not text or ("," in text and not Path(text).exists()) else str(Path(text).absolute())


def read_file_list(text: str) -> str:
    """Return words with commas between, those that are files with absolute paths."""
    words = [word.strip() for word in text.split(",")]
    paths = [Path(word).expanduser() for word in words]
    return ",".join(
        str(path.absolute()) if path.is_file() else word for word, path in zip(words, paths, strict=True)
    )
