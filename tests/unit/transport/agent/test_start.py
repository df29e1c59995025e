"""The agent runs on Python 3.9: no newer syntax, and nothing of the standard library that came later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kprov.agent


def test_the_agent_needs_no_more_than_python_3_9() -> None:
    pytest.importorskip("vermin")
    command = [str(Path(sys.executable).with_name("vermin")), "-t=3.9-", "--no-tips", "--violations"]
    done = subprocess.run([*command, kprov.agent.__path__[0]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
