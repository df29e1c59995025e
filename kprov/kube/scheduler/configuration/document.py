"""The fields of a configuration file, and their rules. Unknown and unsupported fields are errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Final

from kprov.contract.scheduler import durations, extenders, profiles
from kprov.contract.scheduler.extenders import Extender
from kprov.contract.scheduler.profiles import API_VERSION, Profile
from kprov.contract.scheduler.sections import Section, SectionError, read
from kprov.kube.component_base import configfile
from kprov.kube.component_base.configfile import ConfigError

KIND: Final = "KubeSchedulerConfiguration"


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


class Configuration(Section):
    """parallelism and the debugging fields have no effect. Caches are filled when the scheduler leads."""

    api_version: str = API_VERSION
    kind: str = KIND
    parallelism: int = 16
    leader_election: LeaderElection = field(default_factory=LeaderElection)
    client_connection: ClientConnection = field(default_factory=ClientConnection)
    enable_profiling: bool = False
    enable_contention_profiling: bool = False
    percentage_of_nodes_to_score: int | None = None
    pod_initial_backoff_seconds: int = 1
    pod_max_backoff_seconds: int = 10
    profiles: list[Profile] = field(default_factory=lambda: [Profile()])
    extenders: list[Extender] = field(default_factory=list)
    delay_cache_until_active: bool = False


def load(path: str) -> Configuration:
    """Load the configuration from a file. Raise ConfigError, which names the file and all wrong fields."""
    document = configfile.load(path, API_VERSION, KIND)
    try:
        configuration = read(Configuration, document)
    except SectionError as error:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in error.problems)) from None
    configuration.profiles = configuration.profiles or [Profile()]
    problems = list(find_problems(configuration))
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return configuration


def find_problems(configuration: Configuration) -> Iterator[str]:
    """Yield each problem as FIELD: TEXT."""
    if configuration.parallelism <= 0:
        yield "parallelism: should be an integer value greater than zero"
    if configuration.pod_initial_backoff_seconds <= 0:
        yield "podInitialBackoffSeconds: must be greater than 0"
    if configuration.pod_max_backoff_seconds < configuration.pod_initial_backoff_seconds:
        yield "podMaxBackoffSeconds: must be greater than or equal to podInitialBackoffSeconds"
    yield from extenders.find_problems(configuration.extenders, "extenders")
    yield from profiles.find_percentage_problems(configuration.percentage_of_nodes_to_score)
    yield from _find_election_problems(configuration.leader_election)
    yield from profiles.find_problems(configuration.profiles, "profiles")


def _find_election_problems(election: LeaderElection) -> Iterator[str]:
    if election.resource_lock != "leases":
        yield 'leaderElection.resourceLock: must be "leases"'
    for name, text in (
        ("leaseDuration", election.lease_duration),
        ("renewDeadline", election.renew_deadline),
        ("retryPeriod", election.retry_period),
    ):
        if text and durations.describe_error(text):
            yield f"leaderElection.{name}: {durations.describe_error(text)}"
