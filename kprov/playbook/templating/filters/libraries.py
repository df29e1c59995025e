"""Libraries that few templates need, imported on first use."""

from __future__ import annotations

import importlib
from typing import Any


class _Library:
    """A module that is imported when an attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


netaddr: Any = _Library("netaddr")
