"""A process of another user that changes a folder while root works in it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def hostile(folder: Path, attack: Callable[[], None]) -> Iterator[None]:
    """Repeat `attack` in a process of uid 65534 whose working directory is `folder`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # As in mount_namespace.py: the parent's garbage may wait for threads that only the parent has.
        gc.freeze()
        try:
            os.chdir(folder)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, b"r")
            while True:
                with contextlib.suppress(OSError):
                    attack()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    try:
        assert os.read(reading, 1) == b"r"
        yield
        ended, _ = os.waitpid(child, os.WNOHANG)
        assert ended == 0, "the hostile process ended"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
