"""Containers of variables: what is in them is templated when it is looked at, and then kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex

from kprov.inventory.vault import Undecrypted, Unsafe

if TYPE_CHECKING:
    from kprov.playbook.scope import Scope


def templated(text: str) -> bool:
    """Whether a text may be a template."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text) or text.startswith("#jinja2:")


def has_templates(value: Any) -> bool:
    """Whether there is a template anywhere in a value; what files say is looked through once."""
    if isinstance(value, str):
        return not isinstance(value, Unsafe) and templated(value)
    if type(value) is Undecrypted:
        return True
    if not isinstance(value, (dict, list, tuple)):
        return False
    known: dict[str, Any] = getattr(value, "__dict__", {})
    found: bool | None = known.get("_has_templates")
    if found is None:
        found = any(has_templates(one) for one in (value.values() if isinstance(value, dict) else value))
        if known:
            known["_has_templates"] = found
    return found


class LazyDict(dict[Any, Any]):
    """A dict whose templates are rendered with a scope, each when it is first read."""

    __slots__ = ("_pending", "_scope")

    def __init__(self, raw: dict[Any, Any], scope: Scope) -> None:
        super().__init__(raw)
        self._scope = scope
        self._pending = {key for key, value in raw.items() if has_templates(value)}

    def __getitem__(self, key: Any) -> Any:
        if key not in self._pending:
            return super().__getitem__(key)
        value = self._scope.templar.lazy(super().__getitem__(key), self._scope)
        super().__setitem__(key, value)
        self._pending.discard(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self._pending.discard(key)
        super().__setitem__(key, value)

    # Python's own dict(x) reads past __getitem__ unless this is here.
    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()

    def _whole(self) -> dict[Any, Any]:
        return {key: self[key] for key in super().keys()}  # noqa: SIM118

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else default

    def items(self) -> Any:
        return self._whole().items()

    def values(self) -> Any:
        return self._whole().values()

    def copy(self) -> dict[Any, Any]:
        return self._whole()

    def pop(self, key: Any, *default: Any) -> Any:
        if key in self:
            self[key] = self[key]
        self._pending.discard(key)
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else super().setdefault(key, default)

    def __eq__(self, other: object) -> bool:
        return self._whole() == other

    def __ne__(self, other: object) -> bool:
        return self._whole() != other

    def __or__(self, other: Any) -> Any:
        return self._whole() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._whole()

    def __repr__(self) -> str:
        return repr(self._whole())


class LazyList(list[Any]):
    """A list whose templates are rendered with a scope, each when it is first read."""

    __slots__ = ("_pending", "_scope")

    def __init__(self, raw: Iterable[Any], scope: Scope) -> None:
        super().__init__(raw)
        self._scope = scope
        self._pending = {index for index, value in enumerate(super().__iter__()) if has_templates(value)}

    def _at(self, index: int) -> Any:
        if index in self._pending:
            super().__setitem__(index, self._scope.templar.lazy(super().__getitem__(index), self._scope))
            self._pending.discard(index)
        return super().__getitem__(index)

    def _whole(self) -> list[Any]:
        return [self._at(index) for index in range(len(self))]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._whole()[index]
        place = index.__index__()
        return self._at(place + len(self) if place < 0 else place)

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while index < len(self):
            yield self._at(index)
            index += 1

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._whole()[::-1])

    def __contains__(self, value: object) -> bool:
        return value in self._whole()

    def __add__(self, other: Any) -> Any:
        return self._whole() + list(other) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return other + self._whole() if isinstance(other, list) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> list[Any]:
        return self._whole() * times

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return self._whole() == (other._whole() if isinstance(other, LazyList) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def copy(self) -> list[Any]:
        return self._whole()

    def index(self, value: Any, *bounds: Any) -> int:
        return self._whole().index(value, *bounds)

    def count(self, value: Any) -> int:
        return self._whole().count(value)

    def __repr__(self) -> str:
        return repr(self._whole())
