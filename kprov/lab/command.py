"""Runs programs on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from kprov.errors import KprovError


def run_program(
    arguments: Sequence[str], *, stdin: str | None = None, timeout: float = 120.0, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program and return its output.

    Raises:
        KprovError: it is missing, took longer than `timeout` seconds or, with `check`, failed. The message
            has the end of its standard error.

    """
    try:
        done = subprocess.run(
            arguments, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise KprovError(f"{arguments[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise KprovError(f"{arguments[0]} took longer than {timeout:.0f} s") from error
    if check and done.returncode != 0:
        output = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise KprovError(f"{' '.join(arguments[:6])} failed with {done.returncode}: {output}")
    return done
