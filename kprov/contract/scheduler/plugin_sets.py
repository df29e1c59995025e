"""Which plugins run at which extension point: the defaults, and what a profile enables and disables.

Source: upstream's mergePluginSet and expandMultiPointPlugins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Final

from kprov.contract.scheduler.plugins import PLUGINS, UNSUPPORTED
from kprov.contract.scheduler.sections import Section, get_spelling

DEFAULT_PLUGINS: Final = PLUGINS
MISSING: Final = UNSUPPORTED
#: Parts of the scheduler rather than plugins.
BUILT_IN: Final = frozenset(name for name, traits in PLUGINS.items() if traits.built_in)
_ALL: Final = "*"


class PluginEntry(Section):
    name: str
    weight: int | None = None


class PluginSet(Section):
    enabled: list[PluginEntry] = field(default_factory=list)
    disabled: list[PluginEntry] = field(default_factory=list)

    def disables(self, name: str) -> bool:
        return any(entry.name in (name, _ALL) for entry in self.disabled)


class Plugins(Section):
    """The plugins of a profile by extension point. `multi_point`: for all points that a plugin has."""

    pre_enqueue: PluginSet = field(default_factory=PluginSet)
    queue_sort: PluginSet = field(default_factory=PluginSet)
    pre_filter: PluginSet = field(default_factory=PluginSet)
    filter: PluginSet = field(default_factory=PluginSet)
    post_filter: PluginSet = field(default_factory=PluginSet)
    pre_score: PluginSet = field(default_factory=PluginSet)
    score: PluginSet = field(default_factory=PluginSet)
    reserve: PluginSet = field(default_factory=PluginSet)
    permit: PluginSet = field(default_factory=PluginSet)
    pre_bind: PluginSet = field(default_factory=PluginSet)
    bind: PluginSet = field(default_factory=PluginSet)
    post_bind: PluginSet = field(default_factory=PluginSet)
    multi_point: PluginSet = field(default_factory=PluginSet)

    def list_sets(self) -> Iterator[tuple[str, PluginSet]]:
        """Yield the sets with their names in the file."""
        for entry in fields(self):
            yield get_spelling(entry.name), getattr(self, entry.name)


@dataclass(frozen=True, slots=True)
class EnabledPlugin:
    """A plugin that runs at an extension point, with the weight of its score."""

    name: str
    weight: int = 1


def merge_multi_point(custom: PluginSet) -> list[EnabledPlugin]:
    """Return the default plugins that are not disabled, then the others that are enabled.

    A default plugin that is enabled again keeps its place.
    """
    weights = {entry.name: entry.weight for entry in custom.enabled}
    merged = [
        EnabledPlugin(name, weights.get(name, traits.weight) or 1)
        for name, traits in DEFAULT_PLUGINS.items()
        if not custom.disables(name)
    ]
    names = {plugin.name for plugin in merged}
    added = [EnabledPlugin(e.name, e.weight or 1) for e in custom.enabled if e.name not in names]
    return [*merged, *added]


def expand_point(plugins: Plugins, point: str) -> list[EnabledPlugin]:
    """Return the plugins of one extension point, in their order.

    Plugins that both the point and multiPoint enable come first, with the weight of the point. Plugins that
    only the point enables come last.
    """
    plugin_set = dict(plugins.list_sets())[point]
    own = [EnabledPlugin(entry.name, entry.weight or 1) for entry in plugin_set.enabled]
    if any(entry.name == _ALL for entry in plugin_set.disabled):
        return own
    names = {plugin.name for plugin in own}
    shared = [
        plugin
        for plugin in merge_multi_point(plugins.multi_point)
        if point in DEFAULT_PLUGINS[plugin.name].points and not plugin_set.disables(plugin.name)
    ]
    overridden = {plugin.name for plugin in shared} & names
    return [
        *(plugin for plugin in own if plugin.name in overridden),
        *(plugin for plugin in shared if plugin.name not in names),
        *(plugin for plugin in own if plugin.name not in overridden),
    ]


def find_problems(plugins: Plugins) -> Iterator[str]:
    """Yield each problem as FIELD: TEXT."""
    problems = [
        problem
        for name, plugin_set in plugins.list_sets()
        for problem in _find_set_problems(name, plugin_set)
    ]
    yield from problems
    if problems:
        return
    # Gated pods wait whatever the configuration says: the API server would refuse to bind them.
    if len(expand_point(plugins, "queueSort")) != 1:
        yield "queueSort: exactly one plugin must be enabled, such as PrioritySort"
    if not expand_point(plugins, "bind"):
        yield "bind: at least one plugin must be enabled, such as DefaultBinder"


def _find_set_problems(name: str, plugin_set: PluginSet) -> Iterator[str]:
    seen: set[str] = set()
    for number, entry in enumerate(plugin_set.enabled):
        path = f"{name}.enabled[{number}]"
        traits = DEFAULT_PLUGINS.get(entry.name)
        if traits is None:
            text = "is not supported" if entry.name in MISSING else "does not exist"
            yield f'{path}.name: plugin "{entry.name}" {text}'
        elif name not in ("multiPoint", *traits.points):
            yield f'{path}.name: plugin "{entry.name}" does not extend {name}'
        elif entry.name in seen:
            yield f'{path}.name: plugin "{entry.name}" is enabled twice'
        elif entry.weight is not None and entry.weight < 0:
            yield f"{path}.weight: must not be negative"
        seen.add(entry.name)
    for number, entry in enumerate(plugin_set.disabled):
        if entry.name not in (_ALL, *DEFAULT_PLUGINS, *MISSING):
            yield f'{name}.disabled[{number}].name: plugin "{entry.name}" does not exist'
