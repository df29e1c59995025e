"""Libraries that few templates need: imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any


class _Library:
    """A module whose attributes are read from it, which imports it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


netaddr: Any = _Library("netaddr")
