"""Discovery: the served groups, versions and resources, in the unaggregated and the aggregated form.

Source: apiserver/pkg/endpoints/discovery and api/apidiscovery/v2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

import orjson

from kprov.kube.apiserver.request.negotiation import JSON, YAML, check_route, parse_clauses
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import (
    Resource,
    Subresource,
    api_version,
    group_versions,
    rank_version,
    storage_version,
)

_AGGREGATED: Final = {"g": "apidiscovery.k8s.io", "v": "v2", "as": "APIGroupDiscoveryList"}
_PARAMETERS: Final = ";".join(f"{name}={value}" for name, value in _AGGREGATED.items())
AGGREGATED_TYPE: Final = f"{JSON};{_PARAMETERS}"


class Discovery:
    """All discovery documents, built once."""

    def __init__(self, resources: Iterable[Resource], address: str) -> None:
        self._versions: dict[str, dict[str, list[Resource]]] = {}
        for resource in resources:
            self._versions.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
        # Versions of built-in groups have the order of the table of resources.
        built_in_groups = {group for group, _ in group_versions()}
        for group, versions in self._versions.items():
            if group not in built_in_groups:
                self._versions[group] = dict(sorted(versions.items(), key=lambda held: rank_version(held[0])))
        self._documents = self._build_plain(address)
        core = self._build_aggregated({"": self._versions.get("", {})})
        named = self._build_aggregated({name: held for name, held in self._versions.items() if name})
        self._aggregated = {
            path: (document, _compute_etag(document)) for path, document in (("/api", core), ("/apis", named))
        }

    def has(self, path: str) -> bool:
        """Whether a path (without a trailing slash) has a document."""
        return path in self._documents

    def find_plain(self, path: str) -> JsonObject | None:
        """Return the unaggregated document of a path, or None. Do not change the shared result."""
        return self._documents.get(path)

    def find_aggregated(self, path: str, accept: str) -> tuple[JsonObject, str, str] | None:
        """(document, media type, ETag); None if the path has no aggregated form or the client wants another.

        Clients that accept both forms get this one. Raise StatusError 406.
        """
        entry = self._aggregated.get(path)
        if entry is None:
            return None
        if is_routed(path) and accept:
            check_route(accept)
        for named, values in parse_clauses(accept):
            for media_type in (JSON, YAML):
                if named in {media_type, "application/*", "*/*"} and values.items() >= _AGGREGATED.items():
                    return entry[0], f"{media_type};{_PARAMETERS}", entry[1]
        return None

    def _build_plain(self, address: str) -> dict[str, JsonObject]:
        documents: dict[str, JsonObject] = {
            "/api": {
                "kind": "APIVersions",
                "versions": list(self._versions.get("", {})),
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
            },
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        }
        for group, versions in self._versions.items():
            for version, resources in versions.items():
                documents[resources[0].api_path] = {
                    "kind": "APIResourceList",
                    "groupVersion": api_version(group, version),
                    "resources": [
                        entry for resource in resources for entry in _build_resource_entries(resource)
                    ],
                } | ({"apiVersion": "v1"} if group else {})
            if group:
                described = _build_group(group, list(versions))
                documents["/apis"]["groups"].append(described)
                documents[f"/apis/{group}"] = {"kind": "APIGroup", "apiVersion": "v1", **described}
        return documents

    def _build_aggregated(self, groups: dict[str, dict[str, list[Resource]]]) -> JsonObject:
        items = [
            {
                "metadata": {"name": group} if group else {},
                "versions": [
                    {
                        "version": version,
                        "resources": [_build_aggregated_entry(resource) for resource in resources],
                        "freshness": "Current",
                    }
                    for version, resources in versions.items()
                ],
            }
            for group, versions in groups.items()
        ]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }


def is_routed(path: str) -> bool:
    """Whether upstream's route of a document checks media types; those of the lists of groups do not."""
    return not (path == "/apis" or (path.startswith("/apis/") and path.count("/") == 2))


def _compute_etag(document: JsonObject) -> str:
    digest = hashlib.sha512(orjson.dumps(document), usedforsecurity=False)
    return f'"{digest.hexdigest().upper()}"'


def _build_group(group: str, versions: list[str]) -> JsonObject:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _build_resource_entries(resource: Resource) -> list[JsonObject]:
    entry: JsonObject = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "watch" in resource.verbs:
        entry["storageVersionHash"] = _hash_storage_version(resource)
    return [
        entry,
        *(_build_subresource_entry(resource, subresource) for subresource in resource.subresources),
    ]


def _build_subresource_entry(resource: Resource, subresource: Subresource) -> JsonObject:
    entry: JsonObject = {
        "name": f"{resource.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": subresource.kind,
        "verbs": list(subresource.verbs),
    }
    if (subresource.group, subresource.version) != (resource.group, resource.version):
        entry |= {"group": subresource.group, "version": subresource.version}
    return entry


def _hash_storage_version(resource: Resource) -> str:
    """Return the storageVersionHash, by which storage migrators see the stored version."""
    group, version = storage_version(resource)
    digest = hashlib.sha256(f"{group}/{version}/{resource.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _build_kind(resource: Resource, group: str, version: str, kind: str) -> JsonObject:
    """Group and version are empty if they are the list's own, as upstream."""
    if (group, version) == (resource.group, resource.version):
        group = version = ""
    return {"group": group, "version": version, "kind": kind}


def _build_aggregated_entry(resource: Resource) -> JsonObject:
    entry: JsonObject = {
        "resource": resource.plural,
        "responseKind": _build_kind(resource, *resource.gvk),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": subresource.name,
                "responseKind": _build_kind(
                    resource, subresource.group, subresource.version, subresource.kind
                ),
                "verbs": list(subresource.verbs),
            }
            for subresource in resource.subresources
        ]
    return entry
