"""Secret texts (decrypted vault values, passwords) that output, journal and reports scrub.

The set belongs to the process: a secret is scrubbed everywhere. `register`, `scrub`, `within`
and `forget` are the methods of this set.
"""

from __future__ import annotations

import json
import re
import threading

MASK = "********"
#: Shorter texts ("1", "no") occur in every output; scrubbing them would garble it.
SHORTEST = 3
#: Lines of a longer secret are scrubbed alone from this length on.
SHORTEST_LINE = 8
#: Values of settings that are not secret.
_WORDS = frozenset(("true", "false", "yes", "none", "null", "off", "present", "absent", "root", "default"))


class Secrets:
    """A set of secrets; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, value: str) -> None:
        """Scrub this text from now on, and each line of it, because output is split at lines."""
        parts = {part for part in _forms(value) if len(part) >= SHORTEST and part.lower() not in _WORDS}
        with self._lock:
            if parts <= self._known:
                return
            self._known.update(parts)
            self._pattern = None

    def scrub(self, text: str) -> str:
        """Replace every secret in a text by eight asterisks, longer secrets first."""
        pattern = self._compile_pattern()
        return text if pattern is None else pattern.sub(MASK, text)

    def within(self, text: str) -> set[str]:
        """Return the secrets in a text."""
        pattern = self._compile_pattern()
        return set() if pattern is None else set(pattern.findall(text))

    def _compile_pattern(self) -> re.Pattern[str] | None:
        with self._lock:
            if not self._known:
                return None
            if self._pattern is None:
                longest_first = sorted(self._known, key=lambda known: (-len(known), known))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            return self._pattern

    def forget(self) -> None:
        """Remove all secrets from the set."""
        with self._lock:
            self._known.clear()
            self._pattern = None


def _forms(value: str) -> set[str]:
    """Return the forms of a text in output: whole, its lines, and escaped as in JSON and Python."""
    whole = str(value).strip()
    lines = {line.strip() for line in whole.splitlines()}
    parts = {whole, *(line for line in lines if len(line) >= SHORTEST_LINE)}
    return parts | {json.dumps(whole)[1:-1], json.dumps(whole, ensure_ascii=False)[1:-1], repr(whole)[1:-1]}


_process = Secrets()
register, scrub, within, forget = _process.register, _process.scrub, _process.within, _process.forget
