"""The resources of the API: names, scope, verbs and subresources, as discovery shows them.

The table of the built-in ones is resource_table.yaml, which is read when somebody asks for it.
"""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass
from functools import cache

import msgspec

_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STABILITY = {None: 2, "beta": 1, "alpha": 0}
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object. `group`, `version`, `kind` are those of its request or response body."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]

    @property
    def api_version(self) -> str:
        return api_version(self.group, self.version)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one API version. `plural` is the path segment, `group` is "" for core."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    #: "" for KINDList.
    list_kind_name: str = ""

    @property
    def api_version(self) -> str:
        """The apiVersion of objects: "v1" or "apps/v1"."""
        return api_version(self.group, self.version)

    @property
    def list_kind(self) -> str:
        return self.list_kind_name or f"{self.kind}List"

    @property
    def gvk(self) -> tuple[str, str, str]:
        """(group, version, kind)."""
        return self.group, self.version, self.kind

    @property
    def group_resource(self) -> str:
        """As upstream's GroupResource prints: "pods", "deployments.apps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_path(self) -> str:
        """The start of its paths: "/api/v1" or "/apis/GROUP/VERSION"."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def subresource(self, name: str) -> Subresource | None:
        """Return the subresource of that name, None if there is none."""
        return next((entry for entry in self.subresources if entry.name == name), None)


def api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def split_api_version(text: str) -> tuple[str, str]:
    """Group and version: "apps/v1" > ("apps", "v1"); "v1" > ("", "v1")."""
    group, _, version = text.rpartition("/")
    return group, version


class _SubresourceRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verbs: tuple[str, ...]
    kind: str = ""
    api_version: str = ""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resource in resource_table.yaml, which explains the fields."""

    kind: str
    namespaced: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: dict[str, _SubresourceRow] = {}


@cache
def list_resources() -> tuple[Resource, ...]:
    """Return every built-in resource, in discovery's order. A group's preferred version stands first."""
    # Only a server reads the table.
    import yaml

    text = (importlib.resources.files(__package__) / "resource_table.yaml").read_text()
    table = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    groups = msgspec.convert(table["groups"], dict[str, dict[str, dict[str, _Row]]])
    return tuple(
        _make_resource(group, version, plural, row)
        for group, versions in groups.items()
        for version, rows in versions.items()
        for plural, row in rows.items()
    )


def _make_resource(group: str, version: str, plural: str, row: _Row) -> Resource:
    own_version = api_version(group, version)
    return Resource(
        group=group,
        version=version,
        kind=row.kind,
        plural=plural,
        singular=row.kind.lower(),
        namespaced=row.namespaced,
        short_names=row.short_names,
        categories=row.categories,
        verbs=row.verbs,
        subresources=tuple(
            Subresource(
                name,
                *split_api_version(entry.api_version or own_version),
                entry.kind or row.kind,
                entry.verbs,
            )
            for name, entry in row.subresources.items()
        ),
    )


#: Resources that are stored in another version: (group, version) by (group, version, plural).
_STORED_AS = {
    ("autoscaling", "v1", "horizontalpodautoscalers"): ("autoscaling", "v2"),
    ("events.k8s.io", "v1", "events"): ("", "v1"),
}


@cache
def _map_by_plural() -> dict[tuple[str, str, str], Resource]:
    return {(entry.group, entry.version, entry.plural): entry for entry in list_resources()}


@cache
def _map_by_kind() -> dict[tuple[str, str, str], Resource]:
    return {entry.gvk: entry for entry in list_resources()}


def find(group: str, version: str, plural: str) -> Resource | None:
    """Return the built-in resource at /apis/GROUP/VERSION/PLURAL, None if there is none."""
    return _map_by_plural().get((group, version, plural))


def find_kind(group: str, version: str, kind: str) -> Resource | None:
    """Return the built-in resource whose objects are of that kind, None if there is none."""
    return _map_by_kind().get((group, version, kind))


@cache
def group_versions() -> tuple[tuple[str, str], ...]:
    """Every served (group, version), preferred version of a group first, in discovery's order."""
    return tuple(dict.fromkeys((entry.group, entry.version) for entry in list_resources()))


def storage_version(resource: Resource) -> tuple[str, str]:
    """Return the (group, version) in which objects of a resource are stored, usually its own."""
    key = (resource.group, resource.version, resource.plural)
    return _STORED_AS.get(key, (resource.group, resource.version))


def rank_version(name: str) -> tuple[int, int, int, int, str]:
    """Return a key by which v2 comes before v1, v1 before v1beta2, and other names last."""
    match = _VERSION.fullmatch(name)
    if match is None:
        return (1, 0, 0, 0, name)
    return (0, -_STABILITY[match[2]], -int(match[1]), -int(match[3] or 0), "")
