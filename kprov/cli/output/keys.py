"""Reads single keys from a terminal for the module pause. Ctrl-C is a key and not a signal."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager

from kprov.cli.output import standard_streams

INTERRUPT = "\x03"
ENTER = ("\r", "\n")
_ERASE = ("\x7f", "\x08")


def can_read_keys() -> bool:
    """Whether standard input is a terminal with this program in the foreground."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


class Keyboard:
    """Reads keys when they are pressed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = getincrementaldecoder("utf-8")("replace")

    def typed(
        self, *, ends: tuple[str, ...], seconds: float | None = None, echo: bool = False
    ) -> tuple[str, str]:
        """Return the typed text, and the key of `ends` that ended it, or "" after the time limit.

        Ctrl-C ends it only if `ends` has it. A closed terminal counts as the time limit.
        """
        text = ""
        for key in self._keys(None if seconds is None else time.monotonic() + seconds):
            if key.lower() in ends:
                return text, key.lower()
            is_erased = bool(text) and key in _ERASE
            text = text[:-1] if key in _ERASE else text + key
            if echo and (is_erased or key.isprintable()):
                standard_streams.write_exactly("\b \b" if is_erased else key)
                sys.stdout.flush()
        return text, ""

    def _keys(self, deadline: float | None) -> Iterator[str]:
        while True:
            seconds_left = None if deadline is None else deadline - time.monotonic()
            if seconds_left is not None and seconds_left <= 0:
                return
            if not select.select([self._descriptor], [], [], seconds_left)[0]:
                return
            read = os.read(self._descriptor, 1)
            if not read:
                return
            yield from self._decoder.decode(read)


@contextmanager
def open_keyboard() -> Iterator[Keyboard]:
    """Open the terminal without line editing, echo and signals; discard earlier input."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSAFLUSH)
        now = termios.tcgetattr(descriptor)
        now[3] &= ~termios.ISIG
        termios.tcsetattr(descriptor, termios.TCSADRAIN, now)
        yield Keyboard(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
