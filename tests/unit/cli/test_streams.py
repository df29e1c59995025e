"""Output that is no text in the terminal's encoding does not end the program."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = (
    "import sys; from kprov.cli.streams import lasting; lasting()\n"
    "for stream in (sys.stdout, sys.stderr): print('a \\udcfc \\u00fc', file=stream)"
)


@pytest.mark.parametrize(
    ("encoding", "out"),
    [
        ("utf-8:strict", b"a \\udcfc \xc3\xbc\n"),
        ("utf-8:surrogateescape", b"a \xfc \xc3\xbc\n"),
        ("ascii:strict", b"a \\udcfc \\xfc\n"),
    ],
)
def test_bytes_that_are_no_text_are_shown_escaped(encoding: str, out: bytes) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, out)
    assert done.stderr.startswith(b"a \\udcfc")
