"""Facts of a host, one file a subject, gathered when something asks for them."""

from __future__ import annotations

import fnmatch
from typing import Any, Callable

from kprov.agent.facts import distribution, hardware, network, system

_SUBJECTS: dict[str, Callable[[], dict[str, Any]]] = {
    "min": system.gather,
    "distribution": distribution.gather,
    "hardware": hardware.gather,
    "network": network.gather,
}


def gather(subset: list[str], patterns: list[str]) -> dict[str, Any]:
    """Facts with the prefix ansible_; a subset is a subject's name, "all", or "!" and a name."""
    without = {name[1:] for name in subset if name.startswith("!")}
    wanted = {name for name in subset if not name.startswith("!")}
    facts: dict[str, Any] = {"gather_subset": subset, "module_setup": True}
    for name, collect in _SUBJECTS.items():
        always = name in ("min", "distribution") and "min" not in without
        asked = "all" in wanted or name in wanted or (not wanted and "all" not in without)
        if always or (asked and name not in without):
            facts.update(collect())
    named = {
        name if name in ("module_setup", "gather_subset") else f"ansible_{name}": value
        for name, value in facts.items()
    }
    if not patterns:
        return named
    return {
        name: value
        for name, value in named.items()
        if any(fnmatch.fnmatch(name, p) or fnmatch.fnmatch(name, f"ansible_{p}") for p in patterns)
    }
