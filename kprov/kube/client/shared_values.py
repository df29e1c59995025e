"""Equal parts of many objects, held once."""

from typing import Any, Final

import msgspec

_SIZE: Final = 4_096
_EMPTY: Final[dict[type, Any]] = {list: [], dict: {}}
_encode = msgspec.msgpack.Encoder().encode


class SharedValues:
    """Returns the first of equal values. Values that nothing has used for a while are forgotten."""

    def __init__(self, size: int = _SIZE) -> None:
        """size: at most twice so many values are known."""
        self._size = size
        # Two generations: when the younger one is full, it replaces the older one.
        self._young: dict[Any, Any] = {}
        self._old: dict[Any, Any] = {}

    def share(self, kind: Any, value: Any) -> Any:
        """Return the known equal value of that kind, or this one. All values of a kind have one type."""
        if not value and type(value) in _EMPTY:
            return _EMPTY[type(value)]
        key = value if isinstance(value, str) else (kind, _encode(value))
        known = self._young.get(key)
        if known is None:
            known = self._old.get(key, value)
            if len(self._young) >= self._size:
                self._old, self._young = self._young, {}
            self._young[key] = known
        return known

    def share_fields(self, obj: msgspec.Struct, unique: frozenset[str] = frozenset()) -> None:
        """Replace the fields of a view by shared values. unique: fields that differ in all objects."""
        kind = type(obj)
        for name in kind.__struct_fields__:
            value = getattr(obj, name)
            if not value:
                # Most fields are empty. Python has None, "" and 0 once anyway.
                empty = _EMPTY.get(type(value))
                if empty is not None:
                    setattr(obj, name, empty)
            elif not isinstance(value, int) and name not in unique:
                setattr(obj, name, self.share((kind, name), value))
