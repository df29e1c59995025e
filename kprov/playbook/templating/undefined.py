"""Undefined values in templates: a marker that only raises an error when its value is needed."""

from __future__ import annotations

import sys
from typing import Any

import jinja2
from jinja2.utils import missing


class MarkerError(jinja2.UndefinedError):
    """An undefined value was used; `source` is the marker that says what is missing."""

    def __init__(self, message: str | None, source: Marker) -> None:
        super().__init__(message)
        self.source = source


def type_name(value: Any) -> str:
    """Return the name of a value's type as Ansible shows it: lazy containers are dict and list."""
    if isinstance(value, Marker):
        return "UndefinedMarker"
    for kind in (dict, list, str):
        if isinstance(value, kind):
            return kind.__name__
    return type(value).__name__


def find_template_position(names: dict[str, Any], line: int) -> tuple[str, int] | None:
    """Return file and line of a compiled template's code; None for other code, or without a file."""
    template = names.get("__jinja_template__")
    if template is None or template.filename is None:
        return None
    return template.filename, template.get_corresponding_lineno(line)


def _find_position() -> tuple[str, int] | None:
    """Return where in a template file the marker was made."""
    frame: Any = sys._getframe(2)
    for _ in range(6):
        if frame is None:
            return None
        if "__jinja_template__" in frame.f_globals:
            return find_template_position(frame.f_globals, frame.f_lineno)
        frame = frame.f_back
    return None


class Marker(jinja2.StrictUndefined):
    """An undefined value. Its attributes and items are itself, so that `a.b.c | default(1)` works."""

    __slots__ = ("place",)

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None
    ) -> None:
        if hint is None and name is not None and obj is not missing:
            hint = f"object of type {type_name(obj)!r} has no attribute {name!r}"
        super().__init__(hint, obj, name)
        self.place = _find_position()
        make: Any = self._make_error
        self._undefined_exception = make

    def _make_error(self, message: str | None) -> MarkerError:
        return MarkerError(message, self)

    @property
    def message(self) -> str:
        """The text that says what is undefined."""
        return str(self._undefined_message)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def trip(self) -> Any:
        """Raise the error that says what is undefined."""
        raise MarkerError(self.message, self)
