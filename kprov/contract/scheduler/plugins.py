"""The scheduling plugins and the extension points of each, from `plugins.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class PluginTraits:
    """The extension points of a plugin. `weight`: the default weight of its score, 0 if it has none."""

    points: frozenset[str]
    weight: int = 0
    #: Whether it is a part of the scheduler that no configuration removes.
    built_in: bool = False


_TABLE: Final = json.loads(Path(__file__).with_name("plugins.json").read_text("utf-8"))
#: Plugins with upstream's order and extension points. Cheap filters that reject many nodes come first.
PLUGINS: Final[Mapping[str, PluginTraits]] = {
    name: PluginTraits(frozenset(row["points"]), row.get("weight", 0), built_in=row.get("built_in", False))
    for name, row in _TABLE["plugins"].items()
}
#: Plugins of upstream that a configuration may disable, but not enable.
UNSUPPORTED: Final = frozenset(_TABLE["unsupported"])
