"""Reads the fields of one row, and names file, row and field of each mistake."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from kprov import suggestions
from kprov.contract.components.model import VARIABLE
from kprov.errors import InputError


class Row:
    """A mapping of a table. Each field is read once; `finish` rejects those that nobody read."""

    def __init__(self, value: Any, file: Path, place: str) -> None:
        self.file, self.place = file, place
        if not isinstance(value, Mapping):
            raise self.error("", "must be a mapping of fields")
        self._values: Mapping[str, Any] = value
        self._known: set[str] = set()

    def error(self, field: str, text: str) -> InputError:
        """Return the error for a field; "" is the row itself."""
        return InputError(text, file=self.file, field=f"{self.place}.{field}" if field else self.place)

    def finish(self) -> None:
        """Raise InputError if the row has a field that was not read."""
        for name in self._values:
            if name not in self._known:
                hint = suggestions.hint(str(name), self._known)
                raise self.error(str(name), f"there is no such field{hint}")

    def _read(self, name: str, kind: type, text: str, default: Any) -> Any:
        self._known.add(name)
        if name not in self._values:
            if default is None:
                raise self.error(name, "is missing")
            return default
        value = self._values[name]
        # A bool is an int in Python.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(name, f"must be {text}, not {value!r}")
        return value

    def text(
        self,
        name: str,
        *,
        default: str | None = None,
        choices: Collection[str] = (),
        variables: Collection[str] = (),
    ) -> str:
        """Return a text; it may name these variables, and is one of the choices if there are some."""
        value: str = self._read(name, str, "a text", default)
        self._check_text(name, value, choices, variables)
        return value

    def _check_text(
        self, field: str, value: str, choices: Collection[str], variables: Collection[str]
    ) -> None:
        if value and choices and value not in choices:
            raise self.error(field, f"{value!r} is none of {', '.join(choices)}")
        for variable in VARIABLE.findall(value):
            if variable not in variables:
                allowed = ", ".join(sorted(variables)) or "none"
                raise self.error(field, f"the variable {variable} cannot be named here ({allowed})")
        if "{" in VARIABLE.sub("", value):
            raise self.error(field, f"{value!r} has an expression: only names of variables are possible")

    def texts(
        self,
        name: str,
        *,
        required: bool = False,
        default: tuple[str, ...] = (),
        choices: Collection[str] = (),
        variables: Collection[str] = (),
    ) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self._read(name, list, "a list of texts", None if required else list(default))
        for number, value in enumerate(values):
            if not isinstance(value, str):
                raise self.error(f"{name}[{number}]", f"must be a text, not {value!r}")
            self._check_text(f"{name}[{number}]", value, choices, variables)
        return tuple(values)

    def paths(self, name: str, variables: Collection[str]) -> tuple[str, ...]:
        """Return a list of absolute paths, which may begin with a variable."""
        values = self.texts(name, variables=variables)
        for number, value in enumerate(values):
            if not value.startswith(("/", "{{")):
                raise self.error(f"{name}[{number}]", f"{value!r} is no absolute path")
        return values

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value: int = self._read(name, int, "a whole number", None)
        return value

    def boolean(self, name: str) -> bool:
        """Return true or false; false without the field."""
        value: bool = self._read(name, bool, "true or false", default=False)
        return value

    def port(self, name: str, variables: Collection[str]) -> int | str:
        """Return a port's number, or a text that names a variable."""
        if isinstance(self._values.get(name), str):
            text = self.text(name, variables=variables)
            if VARIABLE.fullmatch(text) is None:
                raise self.error(name, f"must be a number from 1 to 65535 or a variable, not {text!r}")
            return text
        value = self.integer(name)
        if not 1 <= value <= 65535:
            raise self.error(name, f"must be a number from 1 to 65535, not {value}")
        return value

    def rows(self, name: str) -> Iterator[Row]:
        """Return the rows of a list of mappings."""
        for number, value in enumerate(self._read(name, list, "a list of mappings", [])):
            yield Row(value, self.file, f"{self.place}.{name}[{number}]")

    def row(self, name: str) -> Row | None:
        """Return a mapping among the fields; None without it."""
        self._known.add(name)
        value = self._values.get(name)
        return None if value is None else Row(value, self.file, f"{self.place}.{name}")
