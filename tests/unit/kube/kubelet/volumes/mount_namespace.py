"""Real mounts for tests, in a mount namespace of their own."""

from __future__ import annotations

import ctypes
import gc
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

_CLONE_NEWNS = 0x20000
_CLONE_NEWUSER = 0x10000000
_MS_REC_PRIVATE = 0x4000 | 0x40000

Work = Callable[[], None]


def unshare(*, user: bool) -> None:
    """Enter a new mount namespace, with `user` in a new user namespace, whose root we are."""
    libc = ctypes.CDLL(None, use_errno=True)
    owner, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWNS | (_CLONE_NEWUSER if user else 0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")
    if user:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {owner} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None)


def run(work: Work) -> None:
    """Run a function in a child process that may mount. Skips where the machine does not allow it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # What the parent left for its garbage collector may wait for threads that only the parent has.
        gc.freeze()
        text = ""
        try:
            try:
                unshare(user=os.geteuid() != 0)
            except OSError as error:
                text = f"skip: {error}"
            else:
                work()
        except BaseException:
            text = traceback.format_exc()
        finally:
            os.write(writing, text.encode()[-4000:])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if text.startswith("skip: "):
        pytest.skip(text)
    if text:
        pytest.fail(text, pytrace=False)
