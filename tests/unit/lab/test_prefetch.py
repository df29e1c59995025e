"""What is built side by side before it is needed: in an environment that pip still fills, and without failing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import packaging

ROOT = Path(__file__).resolve().parents[3]
_LIBRARIES = Path(packaging.__file__).parents[1]
#: The program starts without site-packages' own .pth files, which would import more.
_START = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(_LIBRARIES)!r}]; "


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-c", _START + code]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_prefetch_imports_only_what_is_installed_first() -> None:
    code = "import kprov.lab.prefetch; print(*{name.split('.')[0] for name in sys.modules})"
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split()) - sys.stdlib_module_names
    # Modules in C bring names of Cython.
    assert {name for name in imported if "cython" not in name} <= {"kprov", "packaging", "yaml", "__main__"}


def test_prefetch_that_fails_leaves_the_error_to_who_needs_the_bundle() -> None:
    code = "from kprov.lab import prefetch; prefetch.prefetch_bundle(print); print('done')"
    done = run_python(code, KPROV_CACHE="/proc/none")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_makefile_installs_first_what_prefetch_needs() -> None:
    """pip and uv must not be replaced while the bundle's libraries are fetched with them."""
    expression = r"/^\(pip\|packaging\|pyyaml\|uv\)==/,/[^\\]$/p"
    assert expression.replace("$", "$$") in (ROOT / "Makefile").read_text()
    found = subprocess.run(
        ["sed", "-n", expression, ROOT / "requirements/run.txt"], capture_output=True, text=True, check=True
    ).stdout
    names = [line.partition("==")[0] for line in found.splitlines() if "==" in line]
    assert names == ["packaging", "pip", "pyyaml", "uv"]
    assert all("--hash=" in line or "==" in line for line in found.splitlines())
