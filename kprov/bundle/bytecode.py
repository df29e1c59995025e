"""Compiled modules in the bundle, when a Python of the hosts' version is at hand; else a role compiles there.

Components run as users that cannot write to the bundle: without compiled modules each start would compile
them. The files are unchecked hash-based (PEP 552): a start looks at no source, the same sources give the same
bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

MARK = ".compiled"
# A prefix of arguments that runs the wanted Python with the given folder in sight at the same path.
Interpreter = Callable[[Path], Sequence[str] | None]


def compile_tree(lib: Path, python: str, interpreter: Interpreter | None = None) -> bool:
    """Compile all modules below `lib` with Python `python` (3.13) and mark it; False when none is at hand."""
    for candidate in _candidates(lib, python, interpreter):
        if _version(candidate) != python:
            continue
        arguments = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
        done = subprocess.run([*candidate, "-I", *arguments, str(lib)], capture_output=True, check=False)
        # A file for another Python (2, or a template) does not compile: it is not imported either.
        if done.returncode in {0, 1}:
            (lib / MARK).write_text(f"{python}\n")
            return True
    return False


def _candidates(lib: Path, python: str, interpreter: Interpreter | None) -> list[Sequence[str]]:
    found: list[Sequence[str]] = []
    if f"{sys.version_info.major}.{sys.version_info.minor}" == python:
        found.append([sys.executable])
    found += [[program] for name in (f"python{python}", "python3") if (program := shutil.which(name))]
    if interpreter and (arguments := interpreter(lib)):
        found.append(arguments)
    return found


def _version(command: Sequence[str]) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [*command, "-I", "-c", code], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
