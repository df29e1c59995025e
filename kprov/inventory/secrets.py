"""Texts that must never be shown: decrypted vault values, passwords; output, journal and reports scrub them.

The set is the process's: a secret read anywhere is hidden everywhere. `register`, `scrub`, `within`
and `forget` are the methods of that one set.
"""

from __future__ import annotations

import json
import re
import threading

MASK = "********"
#: Shorter texts occur in every output ("1", "no"); hiding them would hide nothing and garble all.
SHORTEST = 3
#: A line of a longer secret is hidden alone when it has at least this many characters.
SHORTEST_LINE = 8
#: Values of settings that are no secret in themselves.
_WORDS = frozenset(("true", "false", "yes", "none", "null", "off", "present", "absent", "root", "default"))


class Secrets:
    """A set of secrets; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, value: str) -> None:
        """Hide this text from now on; of a text of several lines every line too, as outputs are cut there."""
        parts = {part for part in _forms(value) if len(part) >= SHORTEST and part.lower() not in _WORDS}
        with self._lock:
            if parts <= self._known:
                return
            self._known.update(parts)
            self._pattern = None

    def scrub(self, text: str) -> str:
        """The text with eight asterisks for every secret in it; longer secrets first."""
        pattern = self._compiled()
        return text if pattern is None else pattern.sub(MASK, text)

    def within(self, text: str) -> set[str]:
        """The secrets that stand in a text."""
        pattern = self._compiled()
        return set() if pattern is None else set(pattern.findall(text))

    def _compiled(self) -> re.Pattern[str] | None:
        with self._lock:
            if not self._known:
                return None
            if self._pattern is None:
                longest_first = sorted(self._known, key=lambda known: (-len(known), known))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            return self._pattern

    def forget(self) -> None:
        """Hide nothing any more."""
        with self._lock:
            self._known.clear()
            self._pattern = None


def _forms(value: str) -> set[str]:
    """A text as it may stand in output: whole, its lines, and escaped as JSON and Python escape it."""
    whole = str(value).strip()
    lines = {line.strip() for line in whole.splitlines()}
    parts = {whole, *(line for line in lines if len(line) >= SHORTEST_LINE)}
    return parts | {json.dumps(whole)[1:-1], json.dumps(whole, ensure_ascii=False)[1:-1], repr(whole)[1:-1]}


_process = Secrets()
register, scrub, within, forget = _process.register, _process.scrub, _process.within, _process.forget
