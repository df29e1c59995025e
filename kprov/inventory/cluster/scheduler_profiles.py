"""Checks the profiles of the scheduler in an inventory, before a host is touched.

The scheduler checks them again when it reads its file. A unit test compares the tables.
"""

# ruff: noqa: RUF012  pydantic copies the empty lists

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel

from kprov.contract.scheduler import plugins
from kprov.inventory.cluster.scheduler_arguments import (
    ARGUMENTS,
    Section,
    describe_errors,
    find_argument_problems,
)

#: Extension points by plugin.
PLUGINS: Final[Mapping[str, frozenset[str]]] = {
    name: traits.points for name, traits in plugins.PLUGINS.items()
}
#: Plugins of upstream that can only be disabled.
MISSING: Final = plugins.UNSUPPORTED
_ALL: Final = "*"


class _Enabled(Section):
    name: str
    weight: Annotated[int, Field(ge=0)] | None = None


class _Disabled(Section):
    name: str
    weight: int | None = None


class _PluginSet(Section):
    enabled: list[_Enabled] = []
    disabled: list[_Disabled] = []

    def disables(self, name: str) -> bool:
        return any(entry.name in (name, _ALL) for entry in self.disabled)


class _Plugins(Section):
    pre_enqueue: _PluginSet = _PluginSet()
    queue_sort: _PluginSet = _PluginSet()
    pre_filter: _PluginSet = _PluginSet()
    filter: _PluginSet = _PluginSet()
    post_filter: _PluginSet = _PluginSet()
    pre_score: _PluginSet = _PluginSet()
    score: _PluginSet = _PluginSet()
    reserve: _PluginSet = _PluginSet()
    permit: _PluginSet = _PluginSet()
    pre_bind: _PluginSet = _PluginSet()
    bind: _PluginSet = _PluginSet()
    post_bind: _PluginSet = _PluginSet()
    multi_point: _PluginSet = _PluginSet()


class _PluginConfig(Section):
    name: str
    args: dict[str, Any] = {}


class _Profile(Section):
    scheduler_name: Annotated[str, Field(min_length=1)] = "default-scheduler"
    percentage_of_nodes_to_score: Annotated[int, Field(ge=0, le=100)] | None = None
    plugins: _Plugins = _Plugins()
    plugin_config: list[_PluginConfig] = []


def check_profiles(profiles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Raises ValueError with all problems, each with its field."""
    problems = list(_find_problems(profiles))
    if problems:
        raise ValueError(", ".join(problems))
    return profiles


def _find_problems(profiles: list[dict[str, Any]]) -> Iterator[str]:
    names: set[str] = set()
    for number, document in enumerate(profiles):
        try:
            profile = _Profile.model_validate(document)
        except ValidationError as error:
            yield from (f"[{number}].{problem}" for problem in describe_errors(error))
            continue
        if profile.scheduler_name in names:
            yield f'[{number}].schedulerName: duplicate value "{profile.scheduler_name}"'
        names.add(profile.scheduler_name)
        yield from (f"[{number}].{problem}" for problem in _find_plugin_problems(profile))


def _find_plugin_problems(profile: _Profile) -> Iterator[str]:
    problems = [
        f"plugins.{each}"
        for field, plugin_set in profile.plugins
        for each in _find_set_problems(to_camel(field), plugin_set)
    ]
    yield from problems or _find_missing_plugins(profile.plugins)
    seen: set[str] = set()
    for number, entry in enumerate(profile.plugin_config):
        place = f"pluginConfig[{number}]"
        if entry.name in seen:
            yield f'{place}.name: duplicate value "{entry.name}"'
        seen.add(entry.name)
        if entry.name in ARGUMENTS:
            yield from (f"{place}.args.{each}" for each in find_argument_problems(entry.name, entry.args))
        else:
            text = "takes no arguments" if entry.name in PLUGINS else "does not exist"
            yield f'{place}.name: plugin "{entry.name}" {text}'


def _find_missing_plugins(plugins: _Plugins) -> Iterator[str]:
    if len(_list_enabled("queueSort", plugins.queue_sort, plugins.multi_point)) != 1:
        yield "plugins.queueSort: exactly one plugin must be enabled, such as PrioritySort"
    if not _list_enabled("bind", plugins.bind, plugins.multi_point):
        yield "plugins.bind: at least one plugin must be enabled, such as DefaultBinder"


def _list_enabled(point: str, own: _PluginSet, shared: _PluginSet) -> set[str]:
    """The plugins that run at the point."""
    names = {name for name, points in PLUGINS.items() if point in points and not shared.disables(name)}
    names |= {entry.name for entry in shared.enabled if point in PLUGINS[entry.name]}
    return {name for name in names if not own.disables(name)} | {entry.name for entry in own.enabled}


def _find_set_problems(point: str, plugin_set: _PluginSet) -> Iterator[str]:
    seen: set[str] = set()
    for number, enabled in enumerate(plugin_set.enabled):
        name, place = enabled.name, f"{point}.enabled[{number}].name"
        if name not in PLUGINS:
            text = "is not supported" if name in MISSING else "does not exist"
            yield f'{place}: plugin "{name}" {text}'
        elif point not in ("multiPoint", *PLUGINS[name]):
            yield f'{place}: plugin "{name}" does not extend {point}'
        elif name in seen:
            yield f'{place}: plugin "{name}" is enabled twice'
        seen.add(name)
    for number, disabled in enumerate(plugin_set.disabled):
        if disabled.name not in (_ALL, *PLUGINS, *MISSING):
            yield f'{point}.disabled[{number}].name: plugin "{disabled.name}" does not exist'
