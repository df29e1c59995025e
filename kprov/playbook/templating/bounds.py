"""Bounds of the evaluation of templates: sizes of numbers, texts and lists, and the time of loops.

A template is the user's, but a mistake in it must fail its task, not exhaust the machine. What Python
computes in one call cannot be interrupted, so its size is checked before; loops are checked while they run.
"""

from __future__ import annotations

import itertools
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from kprov.playbook.templating.values import FilterError

#: Entries of a list that an expression makes.
MAX_ITEMS = 1_000_000
#: Characters of a text that an expression makes.
MAX_TEXT = 64 << 20
MAX_PARAGRAPHS = 1000
#: Python prints no integer of more digits.
MAX_DIGITS = 4300
#: Seconds that the loops of a template may take.
SECONDS = 60.0
_BITS = int(MAX_DIGITS * math.log2(10))
_CHECK_EVERY = 1024
#: Methods and filters with the width of their result as an argument.
_WIDTHS = frozenset(("center", "ljust", "rjust", "zfill", "expandtabs", "indent", "wordwrap", "lipsum"))
_WIDTH_IN_FORMAT = re.compile(r"[0-9]{7,}")
#: A width or precision that an argument has: `%*d`, `{:{}}`. Other arguments are values of any size.
_WIDTH_BY_ARGUMENT = re.compile(r"%[-+ #0]*[0-9.]*\*|\{[^{}]*:[^{}]*\{")
_loops = threading.local()


def operate(operator: str, left: Any, right: Any, compute: Callable[[Any, Any], Any]) -> Any:
    """Compute `left operator right`. Raises FilterError if the result would be too large."""
    if operator == "**":
        _check_power(left, right)
    elif operator == "*":
        _check_product(left, right)
    elif operator == "%" and isinstance(left, (str, bytes)):
        text = left if isinstance(left, str) else left.decode("latin-1")
        _check_format(text, right if isinstance(right, tuple) else (right,))
    elif operator == "+" and isinstance(left, str) and isinstance(right, str):
        check_text(len(left) + len(right))
    return compute(left, right)


def _check_power(base: Any, exponent: Any) -> None:
    if not isinstance(base, int) or not isinstance(exponent, int) or exponent <= 0 or abs(base) < 2:
        return
    if exponent > _BITS or abs(base).bit_length() * exponent > _BITS + exponent:
        raise FilterError(f"the power has more than {MAX_DIGITS} digits")


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _BITS:
            raise FilterError(f"the product has more than {MAX_DIGITS} digits")
        return
    sequence, count = (right, left) if isinstance(left, int) else (left, right)
    if not isinstance(count, int) or not hasattr(sequence, "__len__"):
        return
    if isinstance(sequence, (str, bytes)):
        check_text(len(sequence) * count)
    else:
        check_items(len(sequence) * count)


def _check_format(text: str, args: Collection[Any]) -> None:
    texts = [text]
    if _WIDTH_BY_ARGUMENT.search(text):
        _check_widths("format", args)
        texts += [arg for arg in args if isinstance(arg, str)]
    if any(_WIDTH_IN_FORMAT.search(part) for part in texts):
        raise FilterError("a width in the format is too large")


def _check_widths(name: str, args: Iterable[Any]) -> None:
    for arg in args:
        if isinstance(arg, int) and arg > (MAX_PARAGRAPHS if name == "lipsum" else MAX_TEXT):
            raise FilterError(f"{arg:,} is too large for {name}")


def check_text(length: int) -> None:
    """Raise FilterError for a text that is too long."""
    if length > MAX_TEXT:
        raise FilterError(f"the text would have more than {MAX_TEXT:,} characters")


def check_items(count: int) -> None:
    """Raise FilterError for a list that is too long."""
    if count > MAX_ITEMS:
        raise FilterError(f"the list would have more than {MAX_ITEMS:,} entries")


def make_range(*arguments: int) -> range:
    """Return a range that fits in a list. Raises FilterError."""
    numbers = range(*arguments)
    try:
        check_items(len(numbers))
    except OverflowError:
        check_items(MAX_ITEMS + 1)
    return numbers


def check_call(name: str, owner: Any, args: tuple[Any, ...]) -> None:
    """Check the arguments of a filter, of a function, or of a method of `owner`. Raises FilterError."""
    if name in _WIDTHS:
        _check_widths(name, args)
    elif name == "format":
        if isinstance(owner, str):
            _check_format(owner, args)
    elif name == "replace" and len(args) >= 2 and isinstance(owner, str):
        old, new = str(args[0]), str(args[1])
        check_text(len(owner) + owner.count(old) * max(0, len(new) - len(old)))
    elif name == "join":
        separator, items = (owner, args[0]) if isinstance(owner, str) and args else (None, None)
        if hasattr(items, "__len__") and isinstance(separator, str):
            check_text(len(separator) * len(items))  # type: ignore[arg-type]


def check_filter(name: str, args: tuple[Any, ...]) -> None:
    """Check the arguments of a filter. Raises FilterError."""
    if name == "join" and len(args) > 1 and hasattr(args[0], "__len__"):
        check_text(len(str(args[1])) * len(args[0]))
    elif name == "list" and args and isinstance(args[0], range):
        check_items(len(args[0]))
    elif name == "pow" and len(args) > 1:
        _check_power(*args[:2])
    elif name in ("replace", "format", *_WIDTHS):
        check_call(name, args[0] if args else None, args[1:])


def read_all(iterable: Iterable[Any]) -> list[Any]:
    """Return the entries of an iterator or a view. Raises FilterError if they are too many."""
    if not isinstance(iterable, Iterator):
        return list(iterable)
    items = list(itertools.islice(iterable, MAX_ITEMS + 1))
    check_items(len(items))
    return items


class TimedLoop:
    """The entries of a loop of a template; an outer loop limits the time of all that is in it."""

    def __init__(self, entries: Any, *, is_inner: bool = False) -> None:
        self._entries = entries
        self._is_inner = is_inner

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        if self._is_inner:
            yield from self._iterate()
            return
        before = getattr(_loops, "deadline", None)
        _loops.deadline = time.monotonic() + SECONDS
        try:
            yield from self._iterate()
        finally:
            # The loop of another template around this one, such as an include in a loop.
            _loops.deadline = before

    def _iterate(self) -> Iterator[Any]:
        for number, entry in enumerate(self._entries, 1):
            yield entry
            if number % _CHECK_EVERY == 0:
                _check_time()
        _check_time()


def _check_time() -> None:
    deadline = getattr(_loops, "deadline", None)
    if deadline is not None and time.monotonic() > deadline:
        raise FilterError(f"the loops of the template took more than {SECONDS:g} s")
