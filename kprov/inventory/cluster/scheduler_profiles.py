"""Checks the profiles of the scheduler in an inventory, before a host is touched.

The scheduler checks its file again, with the arguments of plugins. A unit test compares the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

#: Extension points by plugin.
PLUGINS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(points.split())
    for name, points in {
        "SchedulingGates": "preEnqueue",
        "PrioritySort": "queueSort",
        "NodeUnschedulable": "filter",
        "NodeName": "filter",
        "TaintToleration": "filter preScore score",
        "NodeAffinity": "preFilter filter preScore score",
        "NodePorts": "preFilter filter",
        "NodeResourcesFit": "preFilter filter preScore score",
        "VolumeRestrictions": "preFilter filter",
        "NodeVolumeLimits": "preFilter filter",
        "VolumeBinding": "preFilter filter reserve preBind preScore score",
        "VolumeZone": "preFilter filter",
        "PodTopologySpread": "preFilter filter preScore score",
        "InterPodAffinity": "preFilter filter preScore score",
        "DynamicResources": "preEnqueue preFilter filter postFilter score reserve preBind",
        "DefaultPreemption": "preEnqueue postFilter",
        "NodeResourcesBalancedAllocation": "preScore score",
        "ImageLocality": "score",
        "DefaultBinder": "bind",
        "NodeDeclaredFeatures": "preFilter filter",
    }.items()
}
#: Plugins of upstream that can only be disabled.
MISSING: Final = frozenset({"GangScheduling"})
#: Plugins that take arguments.
WITH_ARGUMENTS: Final = frozenset(
    {
        "DefaultPreemption",
        "DynamicResources",
        "InterPodAffinity",
        "NodeAffinity",
        "NodeResourcesBalancedAllocation",
        "NodeResourcesFit",
        "PodTopologySpread",
        "VolumeBinding",
    }
)
_ALL: Final = "*"


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class _Enabled(_Section):
    name: str
    weight: Annotated[int, Field(ge=0)] | None = None


class _Disabled(_Section):
    name: str
    weight: int | None = None


class _PluginSet(_Section):
    enabled: list[_Enabled] = []
    disabled: list[_Disabled] = []


class _Plugins(_Section):
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


class _PluginConfig(_Section):
    name: str
    args: dict[str, Any] = {}


class _Profile(_Section):
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
            for each in error.errors():
                yield f"{_describe_place(number, each['loc'])}: {each['msg']}"
            continue
        if profile.scheduler_name in names:
            yield f'[{number}].schedulerName: duplicate value "{profile.scheduler_name}"'
        names.add(profile.scheduler_name)
        yield from (f"[{number}].{problem}" for problem in _find_plugin_problems(profile))


def _describe_place(number: int, place: tuple[int | str, ...]) -> str:
    return f"[{number}]" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


def _find_plugin_problems(profile: _Profile) -> Iterator[str]:
    for field, plugin_set in profile.plugins:
        yield from (f"plugins.{each}" for each in _find_set_problems(to_camel(field), plugin_set))
    seen: set[str] = set()
    for number, entry in enumerate(profile.plugin_config):
        place = f"pluginConfig[{number}].name"
        if entry.name not in WITH_ARGUMENTS:
            text = "takes no arguments" if entry.name in PLUGINS else "does not exist"
            yield f'{place}: plugin "{entry.name}" {text}'
        if entry.name in seen:
            yield f'{place}: duplicate value "{entry.name}"'
        seen.add(entry.name)


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
