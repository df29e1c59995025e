"""package_facts: what apt says of packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.agent.modules import package_facts

SHOWN = """Package: gnupg
Version: 2.4-1
Section: utils
Description: several
 lines, Section: one

Package: gnupg
Version: 2.4-0
Section: oldlibs

Package: plain
Version: 1
"""


def test_a_category_is_the_archive_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "apt-cache"  # which not every machine has, and not with these packages
    program.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{SHOWN}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert package_facts._read_categories(["gnupg:all", "plain:all"]) == {
        ("gnupg", "2.4-1"): "utils",
        ("gnupg", "2.4-0"): "oldlibs",
    }
