"""`python -m tests.parity.server ENGINE`: plays what it is asked on standard input, one JSON request a line.

The engine is imported once and every run is a fork of it: a run has nothing of the one before, and no start-up.
Answers are exit codes, one a line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable

from tests.parity.engines.request import Request


def run(play: Callable[[Request], int], request: Request) -> int:
    """One request in a child; its output goes to the log."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = play(request)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # the child must end here whatever it was
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Until standard input ends."""
    play = importlib.import_module(f"tests.parity.engines.{sys.argv[1]}").play
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        answers.write(f"{run(play, Request(**json.loads(line)))}\n")


if __name__ == "__main__":
    main()
