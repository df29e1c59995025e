"""docs/controllers.md names every controller with its state."""

from __future__ import annotations

import re
from pathlib import Path

from kprov.kube.controller_manager import options, registry

_PAGE = Path(__file__).parents[3] / "docs" / "controllers.md"
_ROW = re.compile(r"^\| `([a-z-]+)` \| ([a-z ]+) \|", re.MULTILINE)


def find_state(name: str) -> str:
    """The state of a controller of the registry."""
    if name in registry.DISABLED_BY_DEFAULT:
        return "off"
    return "on" if registry.has_required_options(name, options.parse([])) else "with options"


def test_the_page_has_the_state_of_every_controller() -> None:
    rows = dict(_ROW.findall(_PAGE.read_text()))
    written = {name: state for name, state in rows.items() if state in ("on", "off", "with options")}
    assert written == {name: find_state(name) for name in registry.CONTROLLERS}
