"""The agent: standard library only, small, the same bytes for the same sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import kprov.agent
from kprov.transport.agent import archive

ROOT = Path(kprov.agent.__path__[0])


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_it_imports_the_standard_library_and_itself() -> None:
    for path in ROOT.rglob("*.py"):
        for name in imported(path):
            assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("kprov.agent"), (
                f"{path}: {name}"
            )


def test_its_modules_do_not_know_each_other() -> None:
    for path in (ROOT / "modules").glob("*.py"):
        assert not any(name.startswith("kprov.agent.modules") for name in imported(path)), path


def test_it_is_written_for_python_3_9() -> None:
    for path in ROOT.rglob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_it_travels_in_less_than_160_kib() -> None:
    assert len(archive.build_archive()) < 160 * 1024


def test_a_run_with_nothing_to_change_loads_little() -> None:
    modules = ("file", "copy", "lineinfile", "systemd_service", "user", "stat", "command")
    names = [f"kprov.agent.modules.{name}" for name in modules]
    heavy = "hashlib shutil glob socket subprocess tempfile selectors"
    code = f"import sys, {', '.join(['kprov.agent.main', *names])}; print(*set({heavy.split()}) & {{*sys.modules}})"
    path = {"PYTHONPATH": str(ROOT.parents[1])}
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], env=path, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []
