"""Regular expressions with a time limit: what may backtrack without end runs in a process that can be ended.

The text is often what a host answered, so a host must not be able to stop the run. `re` cannot be interrupted
in a thread and keeps all other threads from running. Short work is done at once (`regex_cost`); the rest
goes to a process of Python, one for each thread that waits, which measures its own processor time.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import re
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kprov.inventory import regex_cost, regex_worker

#: Seconds of processor time that one search may take.
SECONDS = 2.0
#: Seconds until a process that does not answer is ended, for instance on a machine that swaps.
ANSWER_SECONDS = 20.0
#: Steps that are taken at once: some milliseconds.
FREE_STEPS = 200_000
#: Characters that a replacement may make at once.
FREE_TEXT = 4 << 20

Method = Literal["search", "match", "fullmatch"]
Reference = int | str

_idle: list[_Worker] = []
_lock = threading.Lock()


class RegexLimitError(ValueError):
    """The search took too long or needed too much memory; the message has the pattern."""


def matches(method: Method, pattern: str, text: str, flags: int = 0) -> bool:
    """Whether a pattern matches. Raises re.error and RegexLimitError, as all functions here."""
    return find(method, pattern, text, flags) is not None


def find(
    method: Method, pattern: str, text: str, flags: int = 0, groups: tuple[Reference, ...] = ()
) -> list[str | None] | None:
    """Return the texts of groups of the first match (without `groups` the whole match), or None."""
    return _run("find", pattern, text, flags, [method, list(groups or (0,))])  # type: ignore[no-any-return]


def filter_texts(method: Method, pattern: str, texts: Sequence[str]) -> list[str]:
    """Return the texts that a pattern matches. The time limit is for all of them together."""
    steps = math.fsum(regex_cost.find_cost(pattern, 0, len(text)) for text in texts)
    if steps <= FREE_STEPS:
        numbers = regex_worker.filter_texts(pattern, list(texts), 0, method)
    else:
        numbers = _ask(["filter_texts", pattern, list(texts), 0, [method]])
    return [texts[number] for number in numbers]


def find_all(pattern: str, text: str, flags: int = 0) -> list[Any]:
    """Return all matches, as `re.findall`."""
    entries = _run("find_all", pattern, text, flags, [])
    return [tuple(entry) if isinstance(entry, list) else entry for entry in entries]


def substitute(pattern: str, replacement: str, text: str, flags: int = 0, count: int = 0) -> tuple[str, int]:
    """Return a text with matches replaced and their number, as `re.subn`."""
    replaced, number = _run("substitute", pattern, text, flags, [replacement, count])
    return replaced, number


def _run(function: str, pattern: str, text: str, flags: int, arguments: list[Any]) -> Any:
    if _is_short(function, pattern, text, flags, arguments):
        return regex_worker.FUNCTIONS[function](pattern, text, flags, *arguments)
    return _ask([function, pattern, text, flags, arguments])


def _ask(request: list[Any]) -> Any:
    """Let an idle process answer, or a new one. A process that does not answer is ended."""
    pattern, text = request[1:3]
    with _lock:
        process = _idle.pop() if _idle else None
    process = process or _Worker()
    try:
        answer = process.ask(request)
    except BaseException:
        process.end()
        raise
    if answer is None:
        process.end()
        raise RegexLimitError(_describe(pattern, text, "got no answer"))
    with _lock:
        _idle.append(process)
    if "error" in answer:
        raise re.error(answer["error"], pattern)
    if "exception" in answer:
        raise IndexError(answer["exception"])
    if "limit" in answer:
        raise RegexLimitError(_describe(pattern, text, answer["limit"]))
    return answer["value"]


def _is_short(function: str, pattern: str, text: str, flags: int, arguments: list[Any]) -> bool:
    if function == "substitute" and (len(text) + 1) * len(arguments[0]) > FREE_TEXT:
        return False
    return regex_cost.find_cost(pattern, flags, len(text)) <= FREE_STEPS


def _describe(pattern: str, text: str | list[str], reason: str) -> str:
    shown = pattern if len(pattern) <= 100 else pattern[:100] + "..."
    subject = f"a text of {len(text):,} characters" if isinstance(text, str) else f"{len(text):,} texts"
    return f"the regular expression {shown!r} {reason} on {subject}"


class _Worker:
    """A process that searches one text after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(regex_worker.__file__)), str(SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl+C is for kprov, which ends the process itself.
            start_new_session=True,
        )

    def ask(self, request: list[Any]) -> dict[str, Any] | None:
        """Send a request and return the answer; None if the process ended or does not answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._read_line(time.monotonic() + ANSWER_SECONDS)
        except OSError:
            return None
        return json.loads(line) if line else None

    def _read_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        parts: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                part = os.read(self._process.stdout.fileno(), 1 << 20)
                parts.append(part)
                if not part:
                    return b""
                if part.endswith(b"\n"):
                    return b"".join(parts)
        return b""

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def end_workers() -> None:
    """End the processes that are idle."""
    with _lock:
        while _idle:
            _idle.pop().end()


atexit.register(end_workers)
