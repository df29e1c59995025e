"""The extenders of a configuration: HTTP services that take part in the choice of a node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from urllib.parse import urlsplit

from kprov.contract.scheduler import durations
from kprov.contract.scheduler.sections import Section

_DEFAULT_SECONDS = 5.0


class ExtenderTls(Section):
    """Files, or their content in Base64."""

    insecure: bool = False
    server_name: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    cert_data: str = ""
    key_data: str = field(default="", repr=False)
    ca_data: str = ""


class ManagedResource(Section):
    name: str
    ignored_by_scheduler: bool = False


class Extender(Section):
    """A verb is a path below the URL. Without it, the extender does not take part in that step."""

    url_prefix: str
    filter_verb: str = ""
    preempt_verb: str = ""
    prioritize_verb: str = ""
    weight: int = 0
    bind_verb: str = ""
    enable_https: bool = False
    tls_config: ExtenderTls | None = None
    http_timeout: str = ""
    node_cache_capable: bool = False
    managed_resources: list[ManagedResource] = field(default_factory=list)
    ignorable: bool = False

    @property
    def timeout(self) -> float:
        """Return the timeout of a request in seconds."""
        return durations.parse(self.http_timeout or "0") or _DEFAULT_SECONDS


def find_problems(extenders: Sequence[Extender], path: str) -> Iterator[str]:
    """Yield each problem as FIELD: TEXT. path: of the list."""
    resources: set[str] = set()
    for number, extender in enumerate(extenders):
        place = f"{path}[{number}]"
        yield from (f"{place}.{problem}" for problem in _find_extender_problems(extender))
        for index, resource in enumerate(extender.managed_resources):
            name = f"{place}.managedResources[{index}].name"
            if "/" not in resource.name or resource.name.partition("/")[0].endswith("kubernetes.io"):
                yield f'{name}: "{resource.name}" is an invalid extended resource name'
            if resource.name in resources:
                yield f'{name}: duplicate value "{resource.name}"'
            resources.add(resource.name)
    if sum(bool(extender.bind_verb) for extender in extenders) > 1:
        yield f"{path}: only one extender can implement bind".removeprefix(": ")


def _find_extender_problems(extender: Extender) -> Iterator[str]:
    url = urlsplit(extender.url_prefix)
    if url.scheme not in ("http", "https") or not url.netloc:
        yield f'urlPrefix: "{extender.url_prefix}" is no absolute URL with http or https'
    if extender.prioritize_verb and extender.weight <= 0:
        yield "weight: must have a positive weight applied to it"
    if extender.http_timeout and durations.describe_error(extender.http_timeout):
        yield f"httpTimeout: {durations.describe_error(extender.http_timeout)}"


def list_ignored_resources(extenders: Sequence[Extender]) -> list[str]:
    """Return the extended resources that NodeResourcesFit leaves to the extenders."""
    return [
        resource.name
        for extender in extenders
        for resource in extender.managed_resources
        if resource.ignored_by_scheduler
    ]
