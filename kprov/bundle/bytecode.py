"""Compiles the bundle's modules if this machine has the hosts' Python; otherwise a role does it.

Components run as users that cannot write to the bundle: without compiled modules each start would compile
them. The files are unchecked hash-based (PEP 552): a start looks at no source, the same sources give the same
bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

MARK = ".compiled"


def compile_tree(lib: Path, python: str) -> bool:
    """Compile all modules below `lib` with Python `python` (3.13) and mark it; False without that Python."""
    for candidate in _find_pythons(python):
        if _python_version(candidate) != python:
            continue
        arguments = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
        arguments += ["-s", str(lib)]  # the files name their sources: without this, by a path of this machine
        done = subprocess.run([candidate, "-I", *arguments, str(lib)], capture_output=True, check=False)
        # A file for another Python version, or a template, does not compile and is not imported.
        if done.returncode in {0, 1}:
            (lib / MARK).write_text(f"{python}\n")
            return True
    return False


def is_compiled(path: Path) -> bool:
    """Whether compile_tree made a path inside a tree."""
    return path.suffix == ".pyc" or "__pycache__" in path.parts or path.name == MARK


def _find_pythons(python: str) -> list[str]:
    names = [shutil.which(name) for name in (f"python{python}", "python3")]
    return [sys.executable, *(name for name in names if name)]


def _python_version(program: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [program, "-I", "-c", code], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
