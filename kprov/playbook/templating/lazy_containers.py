"""Containers that render their entries when they are read, and keep the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, SupportsIndex


class _Templar(Protocol):
    def wrap(self, value: Any, scope: Any) -> Any: ...


class _Scope(Protocol):
    @property
    def templar(self) -> _Templar: ...


def is_template(text: str) -> bool:
    """Whether a text may be a template."""
    return ("{" in text and ("{{" in text or "{%" in text or "{#" in text)) or text.startswith("#jinja2:")


def protect_container(value: Any) -> Any:
    """Return a result or fact for expressions; a container is copied, because a template may change it."""
    if isinstance(value, dict):
        return LazyDict(value, None)
    return LazyList(value, None) if isinstance(value, list) else value


def _render_entry(value: Any, scope: _Scope | None) -> Any:
    if scope is not None:
        return scope.templar.wrap(value, scope)
    return protect_container(value) if isinstance(value, (dict, list)) else value


class LazyDict(dict[Any, Any]):
    """A copy of a dict that renders templates when they are read; without a scope it renders none."""

    __slots__ = ("_ready", "_scope")

    def __init__(self, raw: dict[Any, Any], scope: _Scope | None) -> None:
        super().__init__(raw)
        self._scope = scope
        self._ready: set[Any] = set()

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if key not in self._ready:
            value = _render_entry(value, self._scope)
            super().__setitem__(key, value)
            self._ready.add(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ready.add(key)
        super().__setitem__(key, value)

    # Python's own dict(x) reads past __getitem__ unless this is here.
    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()

    def _render_all(self) -> dict[Any, Any]:
        return {key: self[key] for key in super().keys()}  # noqa: SIM118

    def get(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            return default
        return self[key]

    def items(self) -> Any:
        return self._render_all().items()

    def values(self) -> Any:
        return self._render_all().values()

    def copy(self) -> dict[Any, Any]:
        return self._render_all()

    def pop(self, key: Any, *default: Any) -> Any:
        if key in self:
            self[key] = self[key]
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __eq__(self, other: object) -> bool:
        return self._render_all() == other

    def __ne__(self, other: object) -> bool:
        return self._render_all() != other

    __hash__ = None

    def __or__(self, other: Any) -> Any:
        return self._render_all() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._render_all()

    def __repr__(self) -> str:
        return repr(self._render_all())


class LazyList(list[Any]):
    """A copy of a list that renders templates when they are read; without a scope it renders none."""

    __slots__ = ("_ready", "_scope")

    def __init__(self, raw: Iterable[Any], scope: _Scope | None) -> None:
        super().__init__(raw)
        self._scope = scope
        self._ready: set[int] = set()

    def _render_at(self, index: int) -> Any:
        value = super().__getitem__(index)
        if index not in self._ready and index < len(self):
            value = _render_entry(value, self._scope)
            super().__setitem__(index, value)
            self._ready.add(index)
        return value

    def _render_entries(self) -> None:
        """Render all entries before their positions change."""
        for index in range(len(self)):
            self._render_at(index)

    def _render_all(self) -> list[Any]:
        self._render_entries()
        return list(super().__iter__())

    def append(self, value: Any) -> None:
        self._render_entries()
        super().append(value)
        self._ready.add(len(self) - 1)

    def extend(self, values: Iterable[Any]) -> None:
        for value in values:
            self.append(value)

    def insert(self, index: SupportsIndex, value: Any) -> None:
        self._render_entries()
        super().insert(index, value)
        self._ready = set(range(len(self)))

    def pop(self, index: SupportsIndex = -1) -> Any:
        self._render_entries()
        return super().pop(index)

    def remove(self, value: Any) -> None:
        self._render_entries()
        super().remove(value)

    def sort(self, **options: Any) -> None:
        self._render_entries()
        super().sort(**options)

    def reverse(self) -> None:
        self._render_entries()
        super().reverse()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._render_all()[index]
        place = index.__index__()
        return self._render_at(place + len(self) if place < 0 else place)

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while index < len(self):
            yield self._render_at(index)
            index += 1

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._render_all()[::-1])

    def __contains__(self, value: object) -> bool:
        return value in self._render_all()

    def __add__(self, other: Any) -> Any:
        return self._render_all() + list(other) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return other + self._render_all() if isinstance(other, list) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> list[Any]:
        return self._render_all() * times

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return self._render_all() == (other._render_all() if isinstance(other, LazyList) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def copy(self) -> list[Any]:
        return self._render_all()

    def index(self, value: Any, *bounds: Any) -> int:
        return self._render_all().index(value, *bounds)

    def count(self, value: Any) -> int:
        return self._render_all().count(value)

    def __repr__(self) -> str:
        return repr(self._render_all())
