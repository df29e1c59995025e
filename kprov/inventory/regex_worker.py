"""Searches with regular expressions: as functions, and as a process that reads requests, a line of JSON each.

The process runs with `python -I -S`, so it imports the standard library only. Its timer interrupts a search
after some seconds of processor time: `re` looks for signals while it backtracks, in the main thread.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

#: Bytes of memory that the process may have.
MEMORY = 2 << 30


class TimeLimitError(Exception):
    """The search took too long."""


def find(pattern: str, text: str, flags: int, method: str, groups: list[int | str]) -> Any:
    match = getattr(re.compile(pattern, flags), method)(text)
    return [match.group(name) for name in groups] if match else None


def filter_texts(pattern: str, texts: list[str], flags: int, method: str) -> list[int]:
    matches = getattr(re.compile(pattern, flags), method)
    return [number for number, text in enumerate(texts) if matches(text)]


def find_all(pattern: str, text: str, flags: int) -> Any:
    return re.findall(pattern, text, flags)


def substitute(pattern: str, text: str, flags: int, replacement: str, count: int) -> Any:
    return re.compile(pattern, flags).subn(replacement, text, count=count)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "find": find,
    "filter_texts": filter_texts,
    "find_all": find_all,
    "substitute": substitute,
}


def answer(request: list[Any], seconds: float) -> dict[str, Any]:
    """Return the answer to a request: a value, or what was wrong."""
    function, pattern, text, flags, arguments = request
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            return {"value": FUNCTIONS[function](pattern, text, flags, *arguments)}
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except TimeLimitError:
        return {"limit": f"took more than {seconds:g} s"}
    except (MemoryError, OverflowError, RecursionError):
        return {"limit": "needed too much memory"}
    except re.error as error:
        return {"error": str(error)}
    except IndexError as error:
        return {"exception": str(error)}


def _raise_time_limit(_number: int, _frame: Any) -> None:
    raise TimeLimitError


def main(seconds: float) -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGVTALRM, _raise_time_limit)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(answer(json.loads(line), seconds)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
