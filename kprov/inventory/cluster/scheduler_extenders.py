"""Checks the scheduler's extenders in an inventory, before a host is touched.

The scheduler checks them again when it reads its file. A unit test compares fields and rules of both.
"""

# ruff: noqa: RUF012  pydantic copies the empty lists

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError

from kprov.inventory.cluster.scheduler_arguments import Section, check_duration, describe_errors


def _check_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise ValueError(f'"{text}" is no absolute URL with http or https')
    return text


def _check_resource(name: str) -> str:
    if "/" not in name or name.partition("/")[0].endswith("kubernetes.io"):
        raise ValueError(f'"{name}" is an invalid extended resource name')
    return name


class ExtenderTls(Section):
    """Files on the hosts, or their content in Base64."""

    insecure: bool = False
    server_name: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    cert_data: str = ""
    key_data: Annotated[str, Field(repr=False)] = ""
    ca_data: str = ""


class ManagedResource(Section):
    name: Annotated[str, AfterValidator(_check_resource)]
    ignored_by_scheduler: bool = False


class Extender(Section):
    url_prefix: Annotated[str, AfterValidator(_check_url)]
    filter_verb: str = ""
    preempt_verb: str = ""
    prioritize_verb: str = ""
    weight: int = 0
    bind_verb: str = ""
    enable_https: bool = Field(default=False, alias="enableHTTPS")
    tls_config: ExtenderTls | None = None
    http_timeout: Annotated[str, AfterValidator(lambda text: text and check_duration(text))] = ""
    node_cache_capable: bool = False
    managed_resources: list[ManagedResource] = []
    ignorable: bool = False


def check_extenders(extenders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Raises ValueError with all problems, each with its field."""
    problems = list(_find_problems(extenders))
    if problems:
        raise ValueError(", ".join(problems))
    return extenders


def _find_problems(extenders: list[dict[str, Any]]) -> Iterator[str]:
    resources: set[str] = set()
    binders = 0
    for number, document in enumerate(extenders):
        try:
            extender = Extender.model_validate(document)
        except ValidationError as error:
            yield from (f"[{number}].{problem}" for problem in describe_errors(error))
            continue
        if extender.prioritize_verb and extender.weight <= 0:
            yield f"[{number}].weight: must be 1 or more for prioritizeVerb"
        for index, resource in enumerate(extender.managed_resources):
            if resource.name in resources:
                yield f'[{number}].managedResources[{index}].name: duplicate value "{resource.name}"'
            resources.add(resource.name)
        binders += bool(extender.bind_verb)
        if extender.bind_verb and binders > 1:
            yield f"[{number}].bindVerb: only one extender can implement bind"
