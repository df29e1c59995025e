"""The network configuration: the first valid file of a folder (CNI specification, section 1)."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

_SUFFIXES: Final = frozenset({".conf", ".conflist", ".json"})
_OLDEST: Final = "0.1.0"


@dataclass(frozen=True, slots=True)
class NetworkList:
    """plugins: each plugin's configuration, in the order in which ADD calls them."""

    name: str
    cni_version: str
    plugins: tuple[dict[str, Any], ...]


def load_network(folder: Path) -> NetworkList | None:
    """Return the network of the first valid file by name. None: there is none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("cannot read the network configuration: %s", error)
        return None
    for path in paths:
        try:
            return parse_network(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning("skipping the network configuration %s: %s", path, error)
    return None


def parse_network(text: str) -> NetworkList:
    """Return a list, also of a file with a single plugin. ValueError."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")  # noqa: TRY004  of the file's content
    plugins = document.get("plugins", [document])
    if not isinstance(plugins, list) or not plugins:
        raise ValueError("it has no plugins")
    for plugin in plugins:
        if not isinstance(plugin, dict) or not isinstance(plugin.get("type"), str) or not plugin["type"]:
            raise ValueError("a plugin has no type")
        if "/" in plugin["type"]:
            raise ValueError(f"the type {plugin['type']} is a path")
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("it has no name")
    return NetworkList(name, str(document.get("cniVersion") or _OLDEST), tuple(plugins))
