"""The variables of a task on a host: layers by precedence, rendered when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import jinja2

from kprov.playbook.templating.lazy_containers import protect_container
from kprov.playbook.templating.undefined import Marker


class Renderer(Protocol):
    """The methods of a Templar that users of a scope call. Lookups and conditions must not import it."""

    def render_text(self, text: str, scope: Scope) -> Any: ...

    def wrap(self, value: Any, scope: Scope) -> Any: ...

    def render(self, value: Any, scope: Scope, what: str = "") -> Any: ...

    def evaluate_condition(self, condition: Any, scope: Scope, what: str = "when") -> bool: ...

    def find_loop_items(self, name: str, value: Any, scope: Scope, kind: str = "") -> list[Any]: ...

    def render_file_value(
        self, path: Path, scope: Scope, search: tuple[Path, ...], overrides: Mapping[str, Any] | None = None
    ) -> Any: ...


class Layer:
    """Variables of one source. `raw` layers hold results and facts, which are never rendered."""

    __slots__ = ("raw", "values")

    def __init__(self, values: Mapping[str, Any], *, raw: bool = False) -> None:
        self.values = values
        self.raw = raw


class Scope(Mapping[str, Any]):
    """Layers of variables; the first wins. An undefined value is a Marker that says why."""

    __slots__ = ("_cache", "_making", "layers", "templar")

    def __init__(self, templar: Renderer, layers: list[Layer]) -> None:
        self.templar = templar
        self.layers = layers
        self._cache: dict[str, Any] = {}
        self._making: list[str] = []

    def __getitem__(self, name: str) -> Any:
        cache = self._cache
        if name in cache:
            return cache[name]
        for layer in self.layers:
            values = layer.values
            if name in values:
                value = values[name]
                value = protect_container(value) if layer.raw else self._render_value(name, value)
                cache[name] = value
                return value
        if name == "vars":
            return self
        raise KeyError(name)

    def _render_value(self, name: str, value: Any) -> Any:
        if value is None or type(value) in (bool, int, float):
            return value
        if name in self._making:
            raise jinja2.TemplateRuntimeError(
                f"Recursive loop detected in template: these variables refer to each other: "
                f"{' > '.join([*self._making, name])}"
            )
        self._making.append(name)
        try:
            wrapped = self.templar.wrap(value, self)
        finally:
            self._making.pop()
        if isinstance(wrapped, Marker):
            return Marker(f"{wrapped.message} (in the variable '{name}')", name=name)
        return wrapped

    def find_source(self, name: str) -> Any:
        """Return the source of a variable in a file, not rendered; None for results and facts."""
        for layer in self.layers:
            if name in layer.values:
                return None if layer.raw else layer.values[name]
        return None

    def __contains__(self, name: object) -> bool:
        # Hot: called for several names of each task on each host.
        if name in self._cache:
            return True
        for layer in self.layers:  # noqa: SIM110  a generator takes twice as long
            if name in layer.values:
                return True
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer in self.layers for name in layer.values))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def extend(self, values: Mapping[str, Any], *, raw: bool = True) -> Scope:
        """Return a scope with more variables on top."""
        return Scope(self.templar, [Layer(values, raw=raw), *self.layers])
