"""Completion by the user's own shell, and what `kprov version` says."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from kprov.bundle import image_packages, lock
from kprov.cli.main import COMMANDS
from kprov.kube.component_base.options import VERSION
from tests.unit.cli.test_main import kprov

KPROV = Path(sys.executable).parent / "kprov"
#: What bash does when Tab is pressed: the words so far, and the number of the last one.
ASK = """
set -e
source <({kprov} completion bash)
PATH={folder}:$PATH
COMP_WORDS=({words}) COMP_CWORD={last} COMP_LINE="{line}" COMP_POINT=${{#COMP_LINE}}
_kprov_completion kprov
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str) -> list[str]:
    """What bash offers after these words; the last one may be incomplete or empty."""
    quoted = " ".join(f"'{word}'" for word in ("kprov", *words))
    line = " ".join(("kprov", *words))
    script = ASK.format(kprov=KPROV, folder=KPROV.parent, words=quoted, last=len(words), line=line)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_subcommands() -> None:
    assert set(COMMANDS) <= set(completed(""))
    assert completed("ver") == ["verify", "version"]
    assert completed("vault", "enc") == ["encrypt", "encrypt-string"]
    assert completed("plan", "--out") == ["--output", "--out"]
    assert completed("verify", "-o", "") == ["table", "json"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_it_reads(shell: str) -> None:
    done = kprov("completion", shell)
    assert done.returncode == 0
    assert "_KPROV_COMPLETE" in done.stdout
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=done.stdout, text=True, check=True)


def test_another_shell_is_refused() -> None:
    done = kprov("completion", "tcsh")
    assert (done.returncode, "'tcsh' is not one of" in done.stderr) == (2, True), done.stderr


def test_the_version_of_everything() -> None:
    document = json.loads(kprov("version", "-o", "json").stdout)
    assert document["kprov"] == version("kprov")
    assert document["python"] == platform.python_version()
    assert document["components"]["version"] == VERSION
    assert set(document["components"]) == {"version", "commit", "tree_state", "date"}
    for path in (lock.LOCK, image_packages.LOCK):
        assert document["locks"][path.name] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    shown = dict(line.split(None, 1) for line in kprov("version").stdout.splitlines()[:3])
    assert shown["kprov"] == version("kprov")
    assert shown["components"].split()[0] == VERSION
    assert shown["Python"] == platform.python_version()
