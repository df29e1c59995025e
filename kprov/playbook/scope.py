"""The variables that one task on one host sees: layers by precedence, templated when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jinja2

if TYPE_CHECKING:
    from kprov.playbook.templating import Templar


class Layer:
    """Variables of one source; `raw` ones are results and facts, which are never templates."""

    __slots__ = ("raw", "values")

    def __init__(self, values: Mapping[str, Any], *, raw: bool = False) -> None:
        self.values = values
        self.raw = raw


class Scope(Mapping[str, Any]):
    """Layers, the first wins. A value that cannot be made is an Undefined that says why."""

    def __init__(self, templar: Templar, layers: list[Layer]) -> None:
        self.templar = templar
        self.layers = layers
        self._cache: dict[str, Any] = {}
        self._making: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name in self._cache:
            return self._cache[name]
        for layer in self.layers:
            if name in layer.values:
                value = layer.values[name]
                if not layer.raw:
                    value = self._make(name, value)
                self._cache[name] = value
                return value
        raise KeyError(name)

    def _make(self, name: str, value: Any) -> Any:
        if name in self._making:
            raise jinja2.TemplateRuntimeError(
                f"variables name each other: {' > '.join([*self._making, name])}"
            )
        self._making.append(name)
        try:
            return self.templar.deep(value, self)
        except jinja2.UndefinedError as error:
            return jinja2.StrictUndefined(f"{error.message} (in the variable '{name}')")
        finally:
            self._making.pop()

    def __contains__(self, name: object) -> bool:
        return any(name in layer.values for layer in self.layers)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer in self.layers for name in layer.values))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def above(self, values: Mapping[str, Any], *, raw: bool = True) -> Scope:
        """The scope with more variables on top."""
        return Scope(self.templar, [Layer(values, raw=raw), *self.layers])
