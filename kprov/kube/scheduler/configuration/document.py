"""The fields of a configuration file, and their rules. Unknown and unsupported fields are errors."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from kprov.kube.component_base import configfile, durations
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.scheduler.configuration import extenders, plugin_sets
from kprov.kube.scheduler.configuration.arguments import ARGUMENTS, Arguments, Section
from kprov.kube.scheduler.configuration.extenders import Extender
from kprov.kube.scheduler.configuration.plugin_sets import DEFAULT_PLUGINS, Plugins

_Arguments = TypeVar("_Arguments", bound=Arguments)

API_VERSION: Final = "kubescheduler.config.k8s.io/v1"
KIND: Final = "KubeSchedulerConfiguration"
DEFAULT_SCHEDULER: Final = "default-scheduler"


class LeaderElection(Section):
    """Empty values are those of the flags."""

    leader_elect: bool | None = None
    lease_duration: str = ""
    renew_deadline: str = ""
    retry_period: str = ""
    resource_lock: str = "leases"
    resource_name: str = ""
    resource_namespace: str = ""


class ClientConnection(Section):
    kubeconfig: str = ""
    accept_content_types: str = ""
    content_type: str = ""
    qps: float = 0
    burst: int = 0


class PluginConfig(Section):
    name: str
    args: dict[str, Any] = {}


class Profile(Section):
    """How pods with this schedulerName are scheduled. All nodes are scored whatever percentage it names."""

    scheduler_name: str = DEFAULT_SCHEDULER
    percentage_of_nodes_to_score: int | None = None
    plugins: Plugins = msgspec.field(default_factory=Plugins)
    plugin_config: list[PluginConfig] = []

    def get_arguments(self, expected: type[_Arguments]) -> _Arguments:
        """Return the plugin arguments of this type, which ``find_problems`` has checked, or the defaults."""
        for entry in self.plugin_config:
            if ARGUMENTS[entry.name] is expected:
                return msgspec.convert(entry.args, expected)
        return expected()


class Configuration(Section):
    """parallelism and the debugging fields have no effect. Caches are filled when the scheduler leads."""

    api_version: str = API_VERSION
    kind: str = KIND
    parallelism: int = 16
    leader_election: LeaderElection = msgspec.field(default_factory=LeaderElection)
    client_connection: ClientConnection = msgspec.field(default_factory=ClientConnection)
    enable_profiling: bool = False
    enable_contention_profiling: bool = False
    percentage_of_nodes_to_score: int | None = None
    pod_initial_backoff_seconds: int = 1
    pod_max_backoff_seconds: int = 10
    profiles: list[Profile] = msgspec.field(default_factory=lambda: [Profile()])
    extenders: list[Extender] = []
    delay_cache_until_active: bool = False


def load(path: str) -> Configuration:
    """Load the configuration from a file. Raise ConfigError, which names the file and all wrong fields."""
    document = configfile.load(path, API_VERSION, KIND)
    try:
        configuration = msgspec.convert(document, Configuration)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {describe_error(error)}") from None
    configuration.profiles = configuration.profiles or [Profile()]
    problems = list(find_problems(configuration))
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return configuration


def describe_error(error: msgspec.ValidationError, path: str = "") -> str:
    """Return the text with the field first: 'profiles[0].plugins: Object contains unknown field `x`'."""
    text, _, place = str(error).partition(" - at `$")
    field = (path + place.removesuffix("`")).removeprefix(".")
    return f"{field}: {text}" if field else text


def find_problems(configuration: Configuration) -> Iterator[str]:
    """Yield each problem as FIELD: TEXT."""
    if configuration.parallelism <= 0:
        yield "parallelism: should be an integer value greater than zero"
    if configuration.pod_initial_backoff_seconds <= 0:
        yield "podInitialBackoffSeconds: must be greater than 0"
    if configuration.pod_max_backoff_seconds < configuration.pod_initial_backoff_seconds:
        yield "podMaxBackoffSeconds: must be greater than or equal to podInitialBackoffSeconds"
    yield from extenders.find_problems(configuration.extenders)
    yield from _find_percentage_problems(configuration.percentage_of_nodes_to_score)
    yield from _find_election_problems(configuration.leader_election)
    names: set[str] = set()
    for number, profile in enumerate(configuration.profiles):
        path = f"profiles[{number}]"
        if profile.scheduler_name in names:
            yield f'{path}.schedulerName: duplicate value "{profile.scheduler_name}"'
        names.add(profile.scheduler_name)
        yield from (f"{path}.{problem}" for problem in _find_profile_problems(profile))


def _find_percentage_problems(percentage: int | None) -> Iterator[str]:
    if percentage is not None and not 0 <= percentage <= 100:
        yield "percentageOfNodesToScore: not in valid range [0-100]"


def _find_election_problems(election: LeaderElection) -> Iterator[str]:
    if election.resource_lock != "leases":
        yield 'leaderElection.resourceLock: must be "leases"'
    for field in ("leaseDuration", "renewDeadline", "retryPeriod"):
        text = msgspec.to_builtins(election)[field]
        if text and durations.describe_error(text):
            yield f"leaderElection.{field}: {durations.describe_error(text)}"


def _find_profile_problems(profile: Profile) -> Iterator[str]:
    if not profile.scheduler_name:
        yield "schedulerName: must not be empty"
    yield from _find_percentage_problems(profile.percentage_of_nodes_to_score)
    yield from (f"plugins.{problem}" for problem in plugin_sets.find_problems(profile.plugins))
    names: set[str] = set()
    for number, entry in enumerate(profile.plugin_config):
        path = f"pluginConfig[{number}]"
        if entry.name in names:
            yield f'{path}.name: duplicate value "{entry.name}"'
        names.add(entry.name)
        yield from (f"{path}.{problem}" for problem in _find_argument_problems(entry))


def _find_argument_problems(entry: PluginConfig) -> Iterator[str]:
    expected = ARGUMENTS.get(entry.name)
    if expected is None:
        text = "takes no arguments" if entry.name in DEFAULT_PLUGINS else "does not exist"
        yield f'name: plugin "{entry.name}" {text}'
        return
    try:
        arguments = msgspec.convert(entry.args, expected)
    except msgspec.ValidationError as error:
        yield describe_error(error, "args")
        return
    for field, value, wanted in (
        ("apiVersion", arguments.api_version, API_VERSION),
        ("kind", arguments.kind, expected.__name__),
    ):
        if value not in ("", wanted):
            yield f"args.{field}: expected {wanted}, found {value}"
    yield from (f"args.{problem}" for problem in arguments.find_problems())
