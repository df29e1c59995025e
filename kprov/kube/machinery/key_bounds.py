"""Caches whose keys come from clients: each key is short, so that the number of entries bounds the memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, Generic, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_K = TypeVar("_K")
_V = TypeVar("_V")

#: The longest key of a cache of names, paths and small texts, in characters.
SHORT: Final = 1024
#: The longest key of a cache of tokens.
MAX_TOKEN: Final = 8 * 1024


def measure_key(key: object) -> int:
    """Return the characters and bytes of all strings in a key of nested tuples."""
    if isinstance(key, str | bytes):
        return len(key)
    if isinstance(key, tuple | frozenset):
        return len(key) + sum(map(measure_key, key))
    return 0


def cache_short(maxsize: int) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Cache a function as lru_cache does, but not for long arguments."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        cached: Callable[_P, _R] = lru_cache(maxsize)(function)  # type: ignore[assignment]

        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            # The usual case: one text. An object may have a hundred thousand of them.
            if len(args) == 1 and not kwargs and type(args[0]) is str and len(args[0]) < SHORT:
                return cached(*args, **kwargs)
            if measure_key(args) > SHORT or (kwargs and measure_key(tuple(kwargs.values())) > SHORT):
                return function(*args, **kwargs)
            return cached(*args, **kwargs)

        return call

    return decorate


class BoundedCache(Generic[_K, _V]):
    """Forgets its oldest entries, and does not keep long keys."""

    __slots__ = ("_entries", "_max_entries", "_max_key")

    def __init__(self, max_entries: int, max_key: int = SHORT) -> None:
        """max_key: see measure_key."""
        self._entries: OrderedDict[_K, _V] = OrderedDict()
        self._max_entries = max_entries
        self._max_key = max_key

    def get(self, key: _K) -> _V | None:
        return self._entries.get(key)

    def put(self, key: _K, value: _V) -> None:
        if measure_key(key) > self._max_key:
            return
        self._entries[key] = value
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
