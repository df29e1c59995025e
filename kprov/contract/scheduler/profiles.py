"""The profiles of a configuration: which plugins run for the pods of a schedulerName, and their arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final, TypeVar

from kprov.contract.scheduler import plugin_sets
from kprov.contract.scheduler.arguments import ARGUMENTS, Arguments
from kprov.contract.scheduler.plugin_sets import DEFAULT_PLUGINS, Plugins
from kprov.contract.scheduler.sections import Section, SectionError, read

_Arguments = TypeVar("_Arguments", bound=Arguments)

API_VERSION: Final = "kubescheduler.config.k8s.io/v1"
DEFAULT_SCHEDULER: Final = "default-scheduler"


class PluginConfig(Section):
    name: str
    args: dict[str, Any] = field(default_factory=dict)


class Profile(Section):
    """How pods with this schedulerName are scheduled. All nodes are scored whatever percentage it names."""

    scheduler_name: str = DEFAULT_SCHEDULER
    percentage_of_nodes_to_score: int | None = None
    plugins: Plugins = field(default_factory=Plugins)
    plugin_config: list[PluginConfig] = field(default_factory=list)

    def get_arguments(self, expected: type[_Arguments]) -> _Arguments:
        """Return the plugin arguments of this type, which `find_problems` has checked, or the defaults."""
        for entry in self.plugin_config:
            if ARGUMENTS[entry.name] is expected:
                return read(expected, entry.args)
        return expected()


def find_problems(profiles: Sequence[Profile], path: str) -> Iterator[str]:
    """Yield each problem as FIELD: TEXT. path: of the list."""
    names: set[str] = set()
    for number, profile in enumerate(profiles):
        place = f"{path}[{number}]"
        if profile.scheduler_name in names:
            yield f'{place}.schedulerName: duplicate value "{profile.scheduler_name}"'
        names.add(profile.scheduler_name)
        yield from (f"{place}.{problem}" for problem in _find_profile_problems(profile))


def find_percentage_problems(percentage: int | None) -> Iterator[str]:
    """Yield the problem of percentageOfNodesToScore, if it has one."""
    if percentage is not None and not 0 <= percentage <= 100:
        yield "percentageOfNodesToScore: not in valid range [0-100]"


def _find_profile_problems(profile: Profile) -> Iterator[str]:
    if not profile.scheduler_name:
        yield "schedulerName: must not be empty"
    yield from find_percentage_problems(profile.percentage_of_nodes_to_score)
    yield from (f"plugins.{problem}" for problem in plugin_sets.find_problems(profile.plugins))
    names: set[str] = set()
    for number, entry in enumerate(profile.plugin_config):
        path = f"pluginConfig[{number}]"
        if entry.name in names:
            yield f'{path}.name: duplicate value "{entry.name}"'
        names.add(entry.name)
        yield from (f"{path}.{problem}" for problem in _find_config_problems(entry))


def _find_config_problems(entry: PluginConfig) -> Iterator[str]:
    if entry.name in ARGUMENTS:
        yield from find_argument_problems(entry.name, entry.args, "args")
    else:
        text = "takes no arguments" if entry.name in DEFAULT_PLUGINS else "does not exist"
        yield f'name: plugin "{entry.name}" {text}'


def find_argument_problems(plugin: str, document: dict[str, Any], path: str) -> Iterator[str]:
    """Yield each problem of the arguments of a plugin that takes some, as FIELD: TEXT."""
    expected = ARGUMENTS[plugin]
    try:
        arguments = read(expected, document, path)
    except SectionError as error:
        yield from error.problems
        return
    for name, value, wanted in (
        ("apiVersion", arguments.api_version, API_VERSION),
        ("kind", arguments.kind, expected.__name__),
    ):
        if value not in ("", wanted):
            yield f"{path}.{name}: expected {wanted}, found {value}"
    yield from (f"{path}.{problem}" for problem in arguments.find_problems())
