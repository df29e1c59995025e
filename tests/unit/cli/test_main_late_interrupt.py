"""Ctrl-C when the work is over."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, sys
from kprov.cli import main
from kprov.cli.output import standard_streams as streams
signal.signal(signal.SIGINT, signal.default_int_handler)
found = streams.write_error
def late():
    os.kill(os.getpid(), signal.SIGINT)
    return found()
streams.write_error = late
sys.argv = ["kprov", "--version"]
main.main()
"""


def test_an_interrupt_after_the_end_changes_no_outcome() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("kprov ")
