"""Escapes the control characters of all that a console prints."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

from kprov.cli.output.control_characters import escape_controls


class _Escaped:
    """A renderable whose texts are escaped. Rich's own control segments and styles stay."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else Segment(escape_controls(segment.text), segment.style)


class EscapingHook(RenderHook):
    """Escapes all that a console prints."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return the renderables, escaped."""
        return [_Escaped(renderable) for renderable in renderables]
