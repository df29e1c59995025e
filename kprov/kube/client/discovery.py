"""API discovery: the resources that the server has."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kprov.kube.client.errors import ClientError
from kprov.kube.client.rest import RestClient

_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

_ROOTS: Final = ("/api", "/apis")
_STALE: Final = "Stale"


@dataclass(frozen=True)
class ApiResource:
    """One resource in its preferred version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    subresources: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True)
class DiscoveryResult:
    """failed: group versions that did not respond, such as those of an absent extension server."""

    resources: tuple[ApiResource, ...]
    failed: tuple[str, ...] = ()

    def find_kind(self, group: str, kind: str) -> ApiResource | None:
        """Return the resource of a kind in the group's preferred version, None if there is none."""
        return next(
            (held for held in self.resources if (held.group, held.kind) == (group, kind)),
            None,
        )


class Discovery:
    """Asks a server for its resources. An unchanged document is neither sent nor read again."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        #: ETag and document by path.
        self._documents: dict[str, tuple[str, dict[str, Any]]] = {}
        self._result = DiscoveryResult(())
        #: The ETags that the result is of.
        self._etags: tuple[str, ...] = ()

    async def discover(self) -> DiscoveryResult:
        """All resources, each once, in the group's preferred version. ClientError: no response."""
        for path in _ROOTS:
            etag, _ = self._documents.get(path, ("", {}))
            answer = await self._client.get_if_changed(path, etag, {"Accept": _AGGREGATED})
            if answer is not None:
                self._documents[path] = (answer[1], orjson.loads(answer[0]))
        etags = tuple(self._documents[path][0] for path in _ROOTS)
        if not all(etags) or etags != self._etags:
            self._result, self._etags = await self._read_documents(), etags
        return self._result

    async def _read_documents(self) -> DiscoveryResult:
        resources: dict[tuple[str, str], ApiResource] = {}
        failed: list[str] = []
        for path in _ROOTS:
            answer = self._documents[path][1]
            if answer.get("kind") == "APIGroupDiscoveryList":
                api_resources, broken = _parse_aggregated(answer)
            else:
                api_resources, broken = await _discover_versions(self._client, answer)
            failed += broken
            for resource in api_resources:
                resources.setdefault((resource.group, resource.plural), resource)
        return DiscoveryResult(tuple(resources.values()), tuple(failed))


def _parse_aggregated(answer: dict[str, Any]) -> tuple[list[ApiResource], list[str]]:
    """Return the resources, and the group versions whose servers do not respond."""
    resources: list[ApiResource] = []
    failed: list[str] = []
    for group in answer.get("items") or ():
        name = group["metadata"].get("name") or ""
        for version in group.get("versions") or ():
            if version.get("freshness") == _STALE:
                failed.append(f"{name}/{version['version']}" if name else version["version"])
                continue
            resources += [
                ApiResource(
                    name,
                    version["version"],
                    (entry.get("responseKind") or {}).get("kind") or "",
                    entry["resource"],
                    entry.get("scope") == "Namespaced",
                    frozenset(entry.get("verbs") or ()),
                    frozenset(held["subresource"] for held in entry.get("subresources") or ()),
                )
                for entry in version.get("resources") or ()
            ]
    return resources, failed


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
    api_resources: list[ApiResource] = []
    failed = []
    for (group, version), result in zip(versions, answers, strict=True):
        if isinstance(result, ClientError):
            failed.append(f"{group}/{version}" if group else version)
        elif isinstance(result, BaseException):
            raise result
        else:
            api_resources += result
    return api_resources, failed


async def _discover_version(client: RestClient, group: str, version: str) -> list[ApiResource]:
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    answer = orjson.loads(await client.request("GET", path))
    subresources: dict[str, set[str]] = {}
    for entry in answer.get("resources") or ():
        plural, slash, name = entry["name"].partition("/")
        if slash:
            subresources.setdefault(plural, set()).add(name)
    return [
        ApiResource(
            entry.get("group") or group,
            entry.get("version") or version,
            entry["kind"],
            entry["name"],
            bool(entry.get("namespaced")),
            frozenset(entry.get("verbs") or ()),
            frozenset(subresources.get(entry["name"], ())),
        )
        for entry in answer.get("resources") or ()
        if "/" not in entry["name"]
    ]
