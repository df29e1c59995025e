"""API discovery: the resources that the server has."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kprov.kube.client.errors import ClientError
from kprov.kube.client.rest import RestClient

_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@dataclass(frozen=True)
class ApiResource:
    """One resource in its preferred version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True)
class DiscoveryResult:
    """failed: group versions that did not respond, such as those of an absent extension server."""

    resources: tuple[ApiResource, ...]
    failed: tuple[str, ...] = ()


async def discover(client: RestClient) -> DiscoveryResult:
    """All resources, each once, in the group's preferred version. ClientError: no response."""
    resources: dict[tuple[str, str], ApiResource] = {}
    failed: list[str] = []
    for path in ("/api", "/apis"):
        answer = orjson.loads(await client.request("GET", path, headers={"Accept": _AGGREGATED}))
        if answer.get("kind") == "APIGroupDiscoveryList":
            found = _parse_aggregated(answer)
        else:
            found, broken = await _discover_versions(client, answer)
            failed += broken
        for resource in found:
            resources.setdefault((resource.group, resource.plural), resource)
    return DiscoveryResult(tuple(resources.values()), tuple(failed))


def _parse_aggregated(answer: dict[str, Any]) -> list[ApiResource]:
    return [
        ApiResource(
            group["metadata"].get("name") or "",
            version["version"],
            (entry.get("responseKind") or {}).get("kind") or "",
            entry["resource"],
            entry.get("scope") == "Namespaced",
            frozenset(entry.get("verbs") or ()),
        )
        for group in answer.get("items") or ()
        for version in group.get("versions") or ()
        for entry in version.get("resources") or ()
    ]


async def _discover_versions(
    client: RestClient, answer: dict[str, Any]
) -> tuple[list[ApiResource], list[str]]:
    """Discovery without aggregation: one request for each group version."""
    versions = [("", version) for version in answer.get("versions") or () if isinstance(version, str)]
    for group in answer.get("groups") or ():
        preferred = (group.get("preferredVersion") or {}).get("version")
        names = [entry["version"] for entry in group.get("versions") or ()]
        names.sort(key=lambda name: name != preferred)
        versions += [(group["name"], name) for name in names]
    answers = await asyncio.gather(
        *(_discover_version(client, group, version) for group, version in versions), return_exceptions=True
    )
    found: list[ApiResource] = []
    failed = []
    for (group, version), result in zip(versions, answers, strict=True):
        if isinstance(result, ClientError):
            failed.append(f"{group}/{version}" if group else version)
        elif isinstance(result, BaseException):
            raise result
        else:
            found += result
    return found, failed


async def _discover_version(client: RestClient, group: str, version: str) -> list[ApiResource]:
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    answer = orjson.loads(await client.request("GET", path))
    return [
        ApiResource(
            entry.get("group") or group,
            entry.get("version") or version,
            entry["kind"],
            entry["name"],
            bool(entry.get("namespaced")),
            frozenset(entry.get("verbs") or ()),
        )
        for entry in answer.get("resources") or ()
        if "/" not in entry["name"]
    ]
