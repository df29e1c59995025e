"""Texts that must never be shown: decrypted vault values, passwords; output, journal and reports scrub them.

The set is the process's: a secret read anywhere is hidden everywhere. `register`, `scrub` and `forget`
are the methods of that one set.
"""

from __future__ import annotations

import re
import threading

MASK = "********"
#: Shorter texts occur in every output ("1", "no"); hiding them would hide nothing and garble all.
SHORTEST = 3


class Secrets:
    """A set of secrets; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, value: str) -> None:
        """Hide this text from now on; of a text of several lines every line too, as outputs are cut there."""
        whole = str(value)
        parts = {
            part for part in (whole, whole.strip(), *whole.splitlines()) if len(part.strip()) >= SHORTEST
        }
        with self._lock:
            if parts <= self._known:
                return
            self._known.update(parts)
            self._pattern = None

    def scrub(self, text: str) -> str:
        """The text with eight asterisks for every secret in it; longer secrets first."""
        with self._lock:
            if not self._known:
                return text
            if self._pattern is None:
                longest_first = sorted(self._known, key=lambda known: (-len(known), known))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            pattern = self._pattern
        return pattern.sub(MASK, text)

    def forget(self) -> None:
        """Hide nothing any more."""
        with self._lock:
            self._known.clear()
            self._pattern = None


_process = Secrets()
register, scrub, forget = _process.register, _process.scrub, _process.forget
