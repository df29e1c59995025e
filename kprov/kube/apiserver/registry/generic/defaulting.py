"""Sets fields that an object leaves out."""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.json_object import JsonObject


def set_defaults(owner: JsonObject, **values: Any) -> None:
    """Set fields that are absent or null."""
    for name, value in values.items():
        if owner.get(name) is None:
            owner[name] = value


def set_default(owner: JsonObject, name: str, value: Any) -> None:
    """Set a field that is absent or null."""
    if owner.get(name) is None:
        owner[name] = value
